<?php

// Finds the wiki and the MediaWiki of a request, before anything of MediaWiki is loaded. PHP 7.4.

namespace MwFarm;

/** The class behind farm.php and the entry points in www/. It looks up, and computes nothing. */
final class Farm_RUNTIMEKEY
{
    /** @var array<string, array> The parts of the table that this request has looked at. */
    private static $parts = [];

    /**
     * Enters the MediaWiki of the wiki that is asked for.
     *
     * Without a wiki, or without a MediaWiki that may answer for it, it says so to the client and ends the program.
     *
     * @param string $farm The directory that `mwfarm build` compiles the farm into.
     * @param string $wikis The farm's table: a file or, with `/` at its end, a directory of 256 parts and an index.
     * @return string The file of MediaWiki's to require: its entry point MWFARM_ENTRY.
     */
    public static function enter(string $farm, string $wikis): string
    {
        // FastCGI parameters as well as the environment, as the dispatcher of vendor/ has them.
        $wiki = \defined('MWFARM_WIKI') ? \MWFARM_WIKI
            : $_SERVER['MWFARM_WIKI'] ?? (\PHP_SAPI === 'fpm-fcgi' ? null : \getenv('MWFARM_WIKI'));
        $wiki = $wiki ?: self::of($wikis, $_SERVER['HTTP_HOST'] ?? $_SERVER['SERVER_NAME'] ?? '', $_SERVER['REQUEST_URI'] ?? '');
        $row = \is_string($wiki) ? self::part($wikis, $wiki)['wikis'][$wiki] ?? null : null;
        $entry = \defined('MWFARM_ENTRY') ? \strval(\constant('MWFARM_ENTRY')) : null;
        if ($row === null || $entry === null) {
            self::refusal()::notFound(self::index($wikis)['missing']);
        }
        // The version that the wiki's data is for: a link that is no path, so that one system call reads it, and one
        // switches it, without any cache in between.
        $version = $row[0] ?? @\readlink("$farm/versions/$wiki");
        // MediaWiki reads some of its files relative to where it is.
        if (!\is_string($version) || !isset($row[1][$version]) || !@\chdir($row[1][$version])) {
            self::refusal()::unavailable($version);
        }
        if (\defined('MEDIAWIKI')) {
            // LocalSettings.php asks, because vendor/autoload.php of this MediaWiki does not know the wiki (yet):
            // OPcache may have kept an older one.
            self::refusal()::unavailable(null);
        }
        \defined('MWFARM_WIKI') || \define('MWFARM_WIKI', $wiki);
        \defined('MW_CONFIG_FILE') || \define('MW_CONFIG_FILE', "$farm/LocalSettings.php");

        return "{$row[1][$version]}/$entry";
    }

    /** The wiki that answers: by the table, else by the patterns of hosts that could not be enumerated. */
    private static function of(string $wikis, string $host, string $uri): ?string
    {
        $wiki = self::at($wikis, $host, $uri);
        $patterns = $wiki === null ? self::index($wikis)['patterns'] : [];
        // The documented number of redirects.
        for ($hops = 0; $wiki === null && $patterns !== [] && $hops <= 5; $hops++) {
            class_exists(Patterns_RUNTIMEKEY::class, false) || require __DIR__ . '/Patterns.php';
            $lead = Patterns_RUNTIMEKEY::lead($patterns, $host, $uri);
            if ($lead === null) {
                return null;
            }
            if ($lead[1] !== null) {
                // Another farm may have a wiki of that name, with hosts of its own.
                return (self::part($wikis, $lead[0])['wikis'][$lead[0]][2] ?? null) === $lead[1] ? $lead[0] : null;
            }
            [$host, $uri] = explode('/', "{$lead[0]}/", 2);
            $uri = "/$uri";
            $wiki = self::at($wikis, $host, $uri);
        }

        return $wiki;
    }

    /** The wiki that answers at a host, or at the longest path below it that one answers at. */
    private static function at(string $wikis, string $host, string $uri): ?string
    {
        $host = \strtolower($host);
        // A port, but not the end of an IPv6 address.
        $colon = \strrpos($host, ':');
        if ($colon !== false && ($host[0] !== '[' || $host[$colon - 1] === ']')) {
            $host = preg_match('/:[0-9]+\z/', $host) ? substr($host, 0, $colon) : $host;
        }
        $host = $host !== '' && $host[-1] === '.' ? substr($host, 0, -1) : $host;
        $table = self::part($wikis, $host);
        if (isset($table['depths'][$host])) {
            $parts = explode('/', substr($uri, 1, strcspn($uri, '?#', 1)), $table['depths'][$host] + 1);
            for ($parts = array_slice($parts, 0, $table['depths'][$host]); $parts; array_pop($parts)) {
                $name = "$host/" . implode('/', $parts);
                $wiki = self::part($wikis, $name)['paths'][$name] ?? null;
                if ($wiki !== null) {
                    return $wiki;
                }
            }
        }

        return $table['hosts'][$host] ?? null;
    }

    /** The part of the table that knows a name. */
    private static function part(string $wikis, string $name): array
    {
        $file = $wikis[-1] === '/' ? $wikis . (\crc32($name) & 255) . '.php' : $wikis;

        return self::$parts[$file] ?? self::$parts[$file] = require $file;
    }

    /** What the table says of no single wiki. */
    private static function index(string $wikis): array
    {
        return require $wikis[-1] === '/' ? "{$wikis}index.php" : $wikis;
    }

    /** @return class-string<Refusal_RUNTIMEKEY> */
    private static function refusal(): string
    {
        class_exists(Refusal_RUNTIMEKEY::class, false) || require __DIR__ . '/Refusal.php';

        return Refusal_RUNTIMEKEY::class;
    }
}
