<?php

// Finds the wiki of this process and loads its packages: on every request, before any configuration. PHP 7.4.

namespace MwFarm;

use RuntimeException;

/** The class behind vendor/autoload.php. It computes nothing: it looks up, and includes finished files. */
final class Dispatcher_RUNTIMEKEY
{
    /** @var array<string, \Composer\Autoload\ClassLoader> The loader of each vendor directory, once it is loaded. */
    private static $loaders = [];

    /** @var array<string, string> The class of the bundle that each vendor directory has loaded. */
    private static $bundles = [];

    /** @var array<string, string|array> What InstalledVersions reads for each: a file, or merged data. */
    private static $installed = [];

    /** Loads the packages of this process' wiki and returns their loader; the same one the second time. */
    public static function load(string $vendor, string $generation)
    {
        if (isset(self::$loaders[$vendor])) {
            return self::$loaders[$vendor];
        }
        if (isset(self::$bundles[$vendor])) {
            // One of the bundle's files requires vendor/autoload.php again; with Composer it may, too.
            return self::$bundles[$vendor]::$loader;
        }
        $table = require "$vendor/wikis_$generation.php";
        $list = self::value('MWFARM_EXTENSIONS');
        if ($list === null) {
            $hash = $table['wikis'][self::wiki($table)] ?? $table['base'];
        } else {
            $extensions = self::closure($table, $list);
            $names = array_keys($extensions);
            sort($names, SORT_STRING);
            $hash = $table['bundles'][implode(',', $names)] ?? null;
            if ($hash === null) {
                class_exists(Merger_RUNTIMEKEY::class, false) || require __DIR__ . '/Merger.php';
                $sets = array_merge([$table['set']], array_values($extensions));
                $merger = new Merger_RUNTIMEKEY($vendor, $table['loader']);

                return $merger->load($sets, self::$loaders[$vendor], self::$installed[$vendor]);
            }
        }
        self::$installed[$vendor] = "$vendor/bundle_{$hash}_installed.php";
        self::$bundles[$vendor] = "MwFarmBundle_$hash";

        return self::$loaders[$vendor] = require "$vendor/bundle_$hash.php";
    }

    /** What Composer\InstalledVersions answers from: the loaded bundle's data; before one is loaded, everything's. */
    public static function installed(string $vendor, string $generation): array
    {
        $installed = self::$installed[$vendor] ?? null;
        if (is_array($installed)) {
            return $installed;
        }
        if ($installed === null) {
            $table = require "$vendor/wikis_$generation.php";
            $installed = "$vendor/bundle_{$table['union']}_installed.php";
        }

        return require $installed;
    }

    /** A name given as constant, server variable (a FastCGI parameter) or environment variable. */
    private static function value(string $name): ?string
    {
        $value = defined($name) ? constant($name) : ($_SERVER[$name] ?? getenv($name));

        return is_string($value) && $value !== '' ? $value : null;
    }

    /** The wiki of this process, '' without one. What comes from outside is only ever looked up. */
    private static function wiki(array $table): string
    {
        $wiki = self::value('MWFARM_WIKI');
        foreach (['MW_WIKI_NAME', 'MW_DB'] as $constant) {
            if ($wiki === null && defined($constant)) {
                $wiki = (string)constant($constant);
            }
        }
        if ($wiki === null && (PHP_SAPI === 'cli' || PHP_SAPI === 'phpdbg')) {
            $wiki = self::argument($_SERVER['argv'] ?? []);
        }
        if ($wiki === null) {
            return self::host($table, $_SERVER['HTTP_HOST'] ?? null, $_SERVER['REQUEST_URI'] ?? null);
        }

        return isset($table['wikis'][$wiki]) ? $wiki : ($table['databases'][$wiki] ?? '');
    }

    /** The value of --wiki on the command line. */
    private static function argument(array $arguments): ?string
    {
        $index = array_search('--wiki', $arguments, true);
        if ($index !== false) {
            return $arguments[$index + 1] ?? null;
        }
        $given = preg_grep('/\A--wiki=/', $arguments);

        return $given ? substr(reset($given), 7) : null;
    }

    /** The wiki that answers at a host, or at the longest path below it that one answers at. */
    private static function host(array $table, $host, $uri): string
    {
        if (!is_string($host)) {
            return '';
        }
        $host = strtolower($host);
        $colon = strrpos($host, ':');
        if ($colon !== false && strpos($host, ']', $colon) === false && ctype_digit(substr($host, $colon + 1))) {
            $host = substr($host, 0, $colon);
        }
        if (isset($table['paths'][$host]) && is_string($uri)) {
            $path = substr($uri, 1, strcspn($uri, '?#', 1));
            while ($path !== '') {
                if (isset($table['paths'][$host][$path])) {
                    return $table['paths'][$host][$path];
                }
                $path = substr($path, 0, (int)strrpos($path, '/'));
            }
        }

        return $table['hosts'][$host] ?? '';
    }

    /** The extensions of a list with all that they require, in load order, each with its set. */
    private static function closure(array $table, string $list): array
    {
        $wanted = [];
        foreach (array_filter(array_map('trim', explode(',', $list)), 'strlen') as $name) {
            $id = strpos($name, '/') === false ? "extensions/$name" : $name;
            if (!isset($table['extensions'][$id])) {
                throw new RuntimeException(
                    "MWFARM_EXTENSIONS names \"$id\", which this tree did not have at the last `mwfarm build`"
                );
            }
            $wanted[$id] = true;
            $wanted += array_fill_keys($table['extensions'][$id][1], true);
        }

        return array_map('current', array_intersect_key($table['extensions'], $wanted));
    }
}
