<?php

// Finds the wiki of this process and loads its packages: on every request, before any configuration. PHP 7.4.

namespace MwFarm;

// Functions have a leading backslash where every request comes by: PHP need not look for them in this namespace first.

/** The class behind vendor/autoload.php. It computes nothing: it looks up, and includes finished files. */
final class Dispatcher_RUNTIMEKEY
{
    /**
     * Loads the packages of this process' wiki and returns their loader; the same one the second time.
     *
     * @param string $vendor The vendor directory.
     * @param string $wikis The wiki table: a file or, with `/` at its end, a directory of 256 parts and an index.
     * @param bool $loads Without, only what {@see Extensions} tells: Composer's own loader has loaded everything.
     */
    public static function load(string $vendor, string $wikis, bool $loads = true): ?object
    {
        \class_exists(Extensions::class, false) || require __DIR__ . '/Extensions.php';
        // Also when one of the packages' files requires vendor/autoload.php again, as it may with Composer.
        if (isset(Extensions::$loaders[$vendor])) {
            return Extensions::$loaders[$vendor];
        }
        Extensions::$found = null;
        // Constants, server variables (FastCGI parameters), environment: PHP-FPM puts its pool's among the former.
        $fpm = \PHP_SAPI === 'fpm-fcgi';
        $list = \defined('MWFARM_EXTENSIONS') ? \MWFARM_EXTENSIONS
            : $_SERVER['MWFARM_EXTENSIONS'] ?? ($fpm ? null : \getenv('MWFARM_EXTENSIONS'));
        $wiki = \defined('MWFARM_WIKI') ? \MWFARM_WIKI
            : $_SERVER['MWFARM_WIKI'] ?? ($fpm ? null : \getenv('MWFARM_WIKI'));
        $list = $list ?: null;
        $wiki = $list === null && $wiki ? self::text($wiki) : null;
        if ($list !== null || ($wiki === null && isset($GLOBALS['wgMediaWikiFarm']))) {
            class_exists(Combination_RUNTIMEKEY::class, false) || require __DIR__ . '/Combination.php';
            $combination = Combination_RUNTIMEKEY::of(self::index($wikis), $list);
            if ($combination !== null) {
                return $loads ? $combination->load($vendor) : $combination->remember($vendor);
            }
        }
        $bundle = self::bundle($wikis, $wiki);
        if ($loads) {
            return require "$vendor/bundle_$bundle.php";
        }
        class_exists(Combination_RUNTIMEKEY::class, false) || require __DIR__ . '/Combination.php';

        return Combination_RUNTIMEKEY::ofBundle(self::index($wikis), $bundle)->remember($vendor);
    }

    /** What files of fixed names say, see Answers. */
    public static function answer(string $vendor, string $wikis, string $question): array
    {
        class_exists(Answers_RUNTIMEKEY::class, false) || require __DIR__ . '/Answers.php';

        return (new Answers_RUNTIMEKEY($vendor, self::index($wikis)))->to($question);
    }

    /** The bundle of this process' wiki; the base without one. What comes from outside is only ever looked up. */
    private static function bundle(string $wikis, ?string $wiki): string
    {
        if ($wiki === null && (\defined('MW_WIKI_NAME') || \defined('MW_DB'))) {
            // Of `--wiki=database-prefix` MediaWiki makes both.
            $wiki = self::text(\defined('MW_DB') ? \MW_DB : null);
            $name = self::text(\defined('MW_WIKI_NAME') ? \MW_WIKI_NAME : null);
            $wiki = $name !== null && ($wiki === null || self::named($wikis, $name) !== null) ? $name : $wiki;
        }
        $host = $_SERVER['HTTP_HOST'] ?? $_SERVER['SERVER_NAME'] ?? null;
        $path = $_SERVER['REQUEST_URI'] ?? null;
        if ($wiki === null && (\PHP_SAPI === 'cli' || \PHP_SAPI === 'phpdbg')) {
            class_exists(CommandLine_RUNTIMEKEY::class, false) || require __DIR__ . '/CommandLine.php';
            $wiki = CommandLine_RUNTIMEKEY::wiki();
            [$host, $path] = CommandLine_RUNTIMEKEY::server() ?? [$host, $path];
        }
        if ($wiki !== null) {
            return self::named($wikis, $wiki) ?? self::part($wikis, '')['base'];
        }
        if (\defined('MW_CONFIG_CALLBACK') && self::isInstaller(\MW_CONFIG_CALLBACK)) {
            return self::part($wikis, '')['base'];
        }

        return self::at($wikis, \is_string($host) ? \strtolower($host) : '', \is_string($path) ? $path : '');
    }

    /** @param mixed $callback Who configures MediaWiki: its installer? What that makes is no wiki yet. */
    private static function isInstaller($callback): bool
    {
        $name = is_array($callback) ? end($callback) : $callback;

        return is_string($name) && preg_match('/\boverrideConfig\z/', $name) === 1;
    }

    /** The bundle of a wiki, by its identifier or its database. */
    private static function named(string $wikis, string $name): ?string
    {
        $table = self::part($wikis, $name);
        Extensions::$settings = $table['settings'] ?? [];
        Extensions::$found = isset($table['wikis'][$name]) ? $name : $table['databases'][$name] ?? null;

        return $table['wikis'][Extensions::$found ?? ''] ?? null;
    }

    /** The bundle of the wiki that answers at a host, or at the longest path below it that one answers at. */
    private static function at(string $wikis, string $host, string $uri): string
    {
        // A port, but not the end of an IPv6 address.
        $colon = \strrpos($host, ':');
        if ($colon !== false && ($host[0] !== '[' || $host[$colon - 1] === ']')) {
            $host = preg_match('/:[0-9]+\z/', $host) ? substr($host, 0, $colon) : $host;
        }
        // A name with a dot at its end is the same name.
        $host = $host !== '' && $host[-1] === '.' ? substr($host, 0, -1) : $host;
        $table = self::part($wikis, $host);
        if (isset($table['depths'][$host])) {
            // No further down than wikis of this host are, however long the path is.
            $parts = explode('/', substr($uri, 1, strcspn($uri, '?#', 1)), $table['depths'][$host] + 1);
            for ($parts = array_slice($parts, 0, $table['depths'][$host]); $parts; array_pop($parts)) {
                $name = "$host/" . implode('/', $parts);
                $part = self::part($wikis, $name);
                if (isset($part['paths'][$name])) {
                    Extensions::$settings = $part['settings'] ?? [];
                    return $part['wikis'][Extensions::$found = $part['paths'][$name]];
                }
            }
        }
        Extensions::$settings = $table['settings'] ?? [];
        Extensions::$found = $table['hosts'][$host] ?? null;

        return $table['wikis'][Extensions::$found ?? ''] ?? $table['base'];
    }

    /** The part of the wiki table that knows a name. */
    private static function part(string $wikis, string $name): array
    {
        return require $wikis[-1] === '/' ? $wikis . (\crc32($name) & 255) . '.php' : $wikis;
    }

    /** What the wiki table says of extensions, sets and bundles. */
    private static function index(string $wikis): array
    {
        return require $wikis[-1] === '/' ? "{$wikis}index.php" : $wikis;
    }

    /** What is given; null for an empty text, which counts as nothing given. */
    private static function text($value): ?string
    {
        return \is_string($value) && $value !== '' ? $value : null;
    }
}
