<?php

// Serves a list of extensions that no bundle was linked for: one loader, merged from the sets. PHP 7.4.

namespace MwFarm;

use Closure;
use Composer\Autoload\ClassLoader;

/**
 * Merges the base set and the sets of extensions, in load order, into one loader; never a chain of loaders.
 * It shows the same classes as the bundle would; the order of `files`, and the winner among several files that
 * declare the same class, follow the order of the sets.
 */
final class Merger_RUNTIMEKEY
{
    /**
     * @param list<string> $sets Keys of the sets, the base first.
     * @param array{authoritative: bool, include_path: bool, prepend: bool} $flags How the tree's loader works.
     * @param ClassLoader|null $loader Receives the loader before any of the packages' files runs.
     * @param array|null $installed Receives what InstalledVersions answers.
     */
    public static function load(string $vendor, array $sets, array $flags, &$loader, &$installed)
    {
        $maps = ['classMap' => [], 'prefixesPsr0' => [], 'prefixLengthsPsr4' => [], 'prefixDirsPsr4' => []];
        $maps += ['fallbackDirsPsr4' => [], 'fallbackDirsPsr0' => []];
        $files = $paths = [];
        $installed = ['root' => [], 'versions' => []];
        class_exists(ClassLoader::class, false) || require __DIR__ . '/ClassLoader.php';
        foreach ($sets as $set) {
            $directory = "$vendor/composer$set";
            if (is_file("$directory/platform_check.php")) {
                require "$directory/platform_check.php";
            }
            require_once "$directory/autoload_static.php";
            $static = get_class_vars("Composer\\Autoload\\ComposerStaticInit$set");
            $files += $static['files'] ?? [];
            $maps = self::merged($maps, $static);
            if (is_file("$directory/include_paths.php")) {
                $paths = array_merge($paths, require "$directory/include_paths.php");
            }
            $installed = self::installed($installed, require "$directory/installed.php");
        }
        krsort($maps['prefixDirsPsr4']);
        foreach ($maps['prefixesPsr0'] as &$prefixes) {
            krsort($prefixes);
        }
        unset($prefixes);
        foreach (array_keys($maps['prefixDirsPsr4']) as $prefix) {
            $maps['prefixLengthsPsr4'][$prefix[0]][$prefix] = strlen($prefix);
        }
        ksort($installed['versions']);

        $loader = new ClassLoader($vendor);
        if ($paths) {
            set_include_path(implode(PATH_SEPARATOR, array_merge($paths, [get_include_path()])));
        }
        Closure::bind(static function () use ($loader, $maps) {
            foreach ($maps as $property => $value) {
                $loader->$property = $value;
            }
        }, null, ClassLoader::class)();
        $loader->setClassMapAuthoritative($flags['authoritative']);
        $loader->setUseIncludePath($flags['include_path']);
        $loader->register($flags['prepend']);
        $require = Closure::bind(static function ($fileIdentifier, $file) {
            if (empty($GLOBALS['__composer_autoload_files'][$fileIdentifier])) {
                $GLOBALS['__composer_autoload_files'][$fileIdentifier] = true;

                require $file;
            }
        }, null, null);
        foreach ($files as $fileIdentifier => $file) {
            $require($fileIdentifier, $file);
        }

        return $loader;
    }

    /** Adds a set's maps: what is there already comes first. */
    private static function merged(array $maps, array $static): array
    {
        $maps['classMap'] += $static['classMap'] ?? [];
        foreach ($static['prefixesPsr0'] ?? [] as $first => $prefixes) {
            foreach ($prefixes as $prefix => $directories) {
                $known = $maps['prefixesPsr0'][$first][$prefix] ?? [];
                $maps['prefixesPsr0'][$first][$prefix] = self::union($known, $directories);
            }
        }
        foreach ($static['prefixDirsPsr4'] ?? [] as $prefix => $directories) {
            $maps['prefixDirsPsr4'][$prefix] = self::union($maps['prefixDirsPsr4'][$prefix] ?? [], $directories);
        }
        foreach (['fallbackDirsPsr4', 'fallbackDirsPsr0'] as $property) {
            $maps[$property] = self::union($maps[$property], $static[$property] ?? []);
        }

        return $maps;
    }

    /** Two lists, each directory once. */
    private static function union(array $known, array $directories): array
    {
        return array_values(array_unique(array_merge($known, $directories)));
    }

    /** Adds what a set knows of packages; the base alone knows the root. */
    private static function installed(array $installed, array $set): array
    {
        $installed['root'] = $installed['root'] ?: $set['root'];
        foreach ($set['versions'] as $name => $version) {
            $known = $installed['versions'][$name] ?? [];
            foreach (['aliases', 'replaced', 'provided'] as $list) {
                if (isset($known[$list], $version[$list])) {
                    $version[$list] = self::union($known[$list], $version[$list]);
                    sort($version[$list], SORT_NATURAL);
                }
            }
            $dev = ($known['dev_requirement'] ?? true) && $version['dev_requirement'];
            $installed['versions'][$name] = ['dev_requirement' => $dev] + $version + $known;
        }

        return $installed;
    }
}
