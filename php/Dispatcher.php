<?php

// Finds the wiki of this process and loads its packages: on every request, before any configuration. PHP 7.4.

namespace MwFarm;

/**
 * The class behind vendor/autoload.php. It computes nothing: it looks up, and includes finished files. Functions have
 * their leading backslash where every request comes by: PHP then need not look for them in this namespace first.
 */
final class Dispatcher_RUNTIMEKEY
{
    /**
     * Loads the packages of this process' wiki and returns their loader; the same one the second time.
     *
     * @param string $vendor The vendor directory.
     * @param string $wikis The wiki table: a file or, with `/` at its end, a directory of 256 parts and an index.
     */
    public static function load(string $vendor, string $wikis): object
    {
        \class_exists(Extensions::class, false) || require __DIR__ . '/Extensions.php';
        // Also when one of the packages' files requires vendor/autoload.php again, as it may with Composer.
        if (isset(Extensions::$loaders[$vendor])) {
            return Extensions::$loaders[$vendor];
        }
        $list = self::text(\defined('MWFARM_EXTENSIONS') ? \MWFARM_EXTENSIONS : self::variable('MWFARM_EXTENSIONS'));
        $wiki = $list === null
            ? self::text(\defined('MWFARM_WIKI') ? \MWFARM_WIKI : self::variable('MWFARM_WIKI'))
            : null;
        if ($list !== null || ($wiki === null && isset($GLOBALS['wgMediaWikiFarm']))) {
            class_exists(Combination_RUNTIMEKEY::class, false) || require __DIR__ . '/Combination.php';
            $combination = Combination_RUNTIMEKEY::of(self::index($wikis), $list);
            if ($combination !== null) {
                return $combination->load($vendor);
            }
        }

        return require "$vendor/bundle_" . self::bundle($wikis, $wiki) . '.php';
    }

    /**
     * What the files of fixed names say, so that none of them changes from one generation to the next.
     *
     * @param string $question `installed`: what Composer\InstalledVersions reads; `dependencies`: the extensions that
     *   each extension requires, as MediaWikiFarm asks for; `preload`: the files of the base's classes.
     */
    public static function answer(string $vendor, string $wikis, string $question): array
    {
        if ($question === 'dependencies') {
            return self::index($wikis)['dependencies'];
        }
        if ($question === 'preload') {
            class_exists(Preload_RUNTIMEKEY::class, false) || require __DIR__ . '/Preload.php';
            $set = self::index($wikis)['set'];

            return Preload_RUNTIMEKEY::files(require "$vendor/composer$set/autoload_classmap.php");
        }
        class_exists(Extensions::class, false) || require __DIR__ . '/Extensions.php';
        // Before a bundle is loaded, everything that is installed.
        $installed = Extensions::$installed[$vendor]
            ?? "$vendor/bundle_" . self::index($wikis)['union'] . '_installed.php';

        return is_string($installed) ? require $installed : $installed();
    }

    /** The bundle of this process' wiki; the base without one. What comes from outside is only ever looked up. */
    private static function bundle(string $wikis, ?string $wiki): string
    {
        $wiki = $wiki ?? self::text(\defined('MW_WIKI_NAME') ? \MW_WIKI_NAME : null)
            ?? self::text(\defined('MW_DB') ? \MW_DB : null);
        $host = $_SERVER['HTTP_HOST'] ?? $_SERVER['SERVER_NAME'] ?? null;
        $path = $_SERVER['REQUEST_URI'] ?? null;
        if ($wiki === null && (\PHP_SAPI === 'cli' || \PHP_SAPI === 'phpdbg')) {
            class_exists(CommandLine_RUNTIMEKEY::class, false) || require __DIR__ . '/CommandLine.php';
            $wiki = CommandLine_RUNTIMEKEY::wiki();
            [$host, $path] = CommandLine_RUNTIMEKEY::server() ?? [$host, $path];
        }
        if ($wiki === null) {
            return self::at($wikis, \is_string($host) ? \strtolower($host) : '', \is_string($path) ? $path : '');
        }
        $table = self::part($wikis, $wiki);

        return $table['wikis'][isset($table['wikis'][$wiki]) ? $wiki : $table['databases'][$wiki] ?? '']
            ?? $table['base'];
    }

    /** The bundle of the wiki that answers at a host, or at the longest path below it that one answers at. */
    private static function at(string $wikis, string $host, string $uri): string
    {
        // A port, but not the end of an IPv6 address.
        $colon = \strrpos($host, ':');
        if ($colon !== false && ctype_digit(substr($host, $colon + 1))) {
            if ($host[0] !== '[' || $host[$colon - 1] === ']') {
                $host = substr($host, 0, $colon);
            }
        }
        $table = self::part($wikis, $host);
        if (isset($table['depths'][$host])) {
            // No further down than wikis of this host are, however long the path is.
            $parts = explode('/', substr($uri, 1, strcspn($uri, '?#', 1)), $table['depths'][$host] + 1);
            for ($parts = array_slice($parts, 0, $table['depths'][$host]); $parts; array_pop($parts)) {
                $name = "$host/" . implode('/', $parts);
                $part = self::part($wikis, $name);
                if (isset($part['hosts'][$name])) {
                    return $part['wikis'][$part['hosts'][$name]];
                }
            }
        }

        return $table['wikis'][$table['hosts'][$host] ?? ''] ?? $table['base'];
    }

    /** The part of the wiki table that knows a name. */
    private static function part(string $wikis, string $name): array
    {
        return require $wikis[-1] === '/' ? $wikis . \sprintf('%02x.php', \crc32($name) & 255) : $wikis;
    }

    /** What the wiki table says of extensions, sets and bundles. */
    private static function index(string $wikis): array
    {
        return require $wikis[-1] === '/' ? "{$wikis}index.php" : $wikis;
    }

    /** A server variable (a FastCGI parameter) or environment variable. */
    private static function variable(string $name)
    {
        // PHP-FPM puts its pool's environment among the server variables.
        return $_SERVER[$name] ?? (\PHP_SAPI === 'fpm-fcgi' ? null : \getenv($name));
    }

    /** What is given; null for an empty text, which counts as nothing given. */
    private static function text($value): ?string
    {
        return \is_string($value) && $value !== '' ? $value : null;
    }
}
