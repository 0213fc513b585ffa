<?php

// Compiles the farm again when its configuration has changed: `freshness: check`, for development. PHP 7.4.

namespace MwFarm;

/**
 * Looks at the files of the configuration on every request.
 *
 * @phpstan-type Compiled array{extensions: list<string>, settings: string, wanted: list<string>}
 * @phpstan-type Manifest array{config?: string, sources?: array<string, string>, trees?: array<string, string>,
 *   wikis?: array<string, array{compiled: array<string, Compiled>}>}
 */
final class Freshness_RUNTIMEKEY
{
    /**
     * Before anything is loaded: compiles the farm again if it has changed. Without success the last good one counts.
     *
     * @param list<string> $command The program that compiles it, with its arguments.
     * @return bool Whether the farm was compiled again.
     */
    public static function check(string $farm, array $command): bool
    {
        $manifest = self::manifest($farm);
        if (self::isFresh($manifest)) {
            return false;
        }
        $log = tmpfile();
        // An array of arguments: no shell sees them.
        $process = $log !== false && function_exists('proc_open')
            ? proc_open($command, [['pipe', 'r'], ['file', '/dev/null', 'w'], $log], $pipes)
            : false;
        $code = $process === false ? -1 : proc_close($process);
        $said = $log !== false && rewind($log) ? (string)stream_get_contents($log, 4000) : '';
        if ($code !== 0) {
            error_log("mwfarm: the farm cannot be compiled (exit $code), the last good one counts: $said");
        }
        clearstatcache();
        $now = self::manifest($farm);
        $changed = glob("$farm/*.php") ?: [];
        foreach ($now['trees'] ?? [] as $tree) {
            // OPcache may look at them once in a while only.
            array_push($changed, "$tree/vendor/autoload.php", "$tree/vendor/mwfarm_extensions.php");
        }
        foreach ($changed as $file) {
            function_exists('opcache_invalidate') && opcache_invalidate($file, true);
        }

        return $now !== $manifest;
    }

    /**
     * When packages are loaded already: the settings to include.
     *
     * @param list<string> $command The program that compiles the farm, with its arguments.
     * @return string|null The file; null when there is no such wiki.
     */
    public static function settings(string $farm, array $command): ?string
    {
        if (!self::check($farm, $command)) {
            return Extensions::settings();
        }
        $manifest = self::manifest($farm);
        $wiki = $manifest['wikis'][Extensions::wiki() ?? ''] ?? null;
        $compiled = null;
        foreach ($wiki['compiled'] ?? [] as $version => $candidate) {
            // By directory: a version may be a link to another name.
            $tree = $manifest['trees'][$version] ?? '';
            $compiled = realpath($tree) === realpath(MW_INSTALL_PATH) ? $candidate : $compiled;
        }
        $loaded = Extensions::directories();
        // What is on now is loaded, with all that it requires, and nothing else is.
        $more = array_diff($compiled['wanted'] ?? [], $loaded);
        if ($compiled === null || $more !== [] || array_diff($loaded, $compiled['extensions']) !== []) {
            // Other packages than those that are loaded: the next request finds them.
            class_exists(Refusal_RUNTIMEKEY::class, false) || require __DIR__ . '/Refusal.php';
            Refusal_RUNTIMEKEY::changed();
        }

        return "$farm/{$compiled['settings']}";
    }

    /**
     * Whether the farm is compiled from the files as they are.
     *
     * @param Manifest $manifest
     */
    private static function isFresh(array $manifest): bool
    {
        foreach ($manifest['sources'] ?? [] as $name => $digest) {
            $file = ($manifest['config'] ?? '') . "/$name";
            if ((is_file($file) ? substr((string)hash_file('sha256', $file), 0, 32) : '') !== $digest) {
                return false;
            }
        }

        return isset($manifest['sources']);
    }

    /** @return Manifest */
    private static function manifest(string $farm): array
    {
        $json = is_file("$farm/mwfarm.json") ? file_get_contents("$farm/mwfarm.json") : '';
        /** @var Manifest|null $manifest mwfarm wrote it. */
        $manifest = json_decode((string)$json, true);

        return $manifest ?? [];
    }
}
