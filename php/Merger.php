<?php

// Serves a list of extensions that no bundle was linked for: one loader, merged from the sets. PHP 7.4.

namespace MwFarm;

use Closure;
use Composer\Autoload\ClassLoader;

/**
 * Merges the base set and the sets of extensions, in load order, into one loader; never a chain of loaders.
 * Classes are those of the bundle, except where files compete: the order of `files`, and the winner among several
 * files that declare a class, follow the order of the sets. Exclusions and platform checks are each set's own.
 */
final class Merger_RUNTIMEKEY
{
    /** @var string The vendor directory. */
    private $vendor;

    /** @var array{authoritative: bool, include_path: bool, prepend: bool} How the tree's loader works. */
    private $flags;

    public function __construct(string $vendor, array $flags)
    {
        $this->vendor = $vendor;
        $this->flags = $flags;
    }

    /**
     * Loads the sets and returns their one loader.
     *
     * @param list<string> $sets Keys of the sets, the base first.
     * @param ClassLoader|null $loader Receives the loader before any of the packages' files runs.
     * @param array|null $installed Receives what InstalledVersions answers.
     */
    public function load(array $sets, ?ClassLoader &$loader, ?array &$installed): ClassLoader
    {
        $maps = ['classMap' => [], 'prefixesPsr0' => [], 'prefixLengthsPsr4' => [], 'prefixDirsPsr4' => []];
        $files = $paths = [];
        $installed = ['root' => [], 'versions' => []];
        class_exists(ClassLoader::class, false) || require __DIR__ . '/ClassLoader.php';
        foreach ($sets as $set) {
            $directory = "$this->vendor/composer$set";
            if (is_file("$directory/platform_check.php")) {
                require "$directory/platform_check.php";
            }
            // The lists, not the class of autoload_static.php: another tree of this process may have the same set.
            if (is_file("$directory/autoload_files.php")) {
                $files += require "$directory/autoload_files.php";
            }
            $maps = $this->merged($maps, $directory);
            if (is_file("$directory/include_paths.php")) {
                $paths = $this->union($paths, require "$directory/include_paths.php", $directory);
            }
            $installed = self::installed($installed, require "$directory/installed.php");
        }
        // The empty prefix is the one for all other classes.
        $maps['fallbackDirsPsr4'] = $maps['prefixDirsPsr4'][''] ?? [];
        $maps['fallbackDirsPsr0'] = $maps['prefixesPsr0'][''][''] ?? [];
        unset($maps['prefixDirsPsr4'][''], $maps['prefixesPsr0']['']);
        krsort($maps['prefixDirsPsr4']);
        foreach ($maps['prefixesPsr0'] as &$prefixes) {
            krsort($prefixes);
        }
        unset($prefixes);
        foreach (array_keys($maps['prefixDirsPsr4']) as $prefix) {
            $maps['prefixLengthsPsr4'][$prefix[0]][$prefix] = strlen($prefix);
        }
        ksort($installed['versions']);

        $loader = new ClassLoader($this->vendor);
        if ($paths) {
            set_include_path(implode(PATH_SEPARATOR, array_merge($paths, [get_include_path()])));
        }
        Closure::bind(static function () use ($loader, $maps) {
            foreach ($maps as $property => $value) {
                $loader->$property = $value;
            }
        }, null, ClassLoader::class)();
        $loader->setClassMapAuthoritative($this->flags['authoritative']);
        $loader->setUseIncludePath($this->flags['include_path']);
        $loader->register($this->flags['prepend']);
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
    private function merged(array $maps, string $set): array
    {
        $maps['classMap'] += require "$set/autoload_classmap.php";
        foreach (require "$set/autoload_namespaces.php" as $prefix => $directories) {
            // A key that looks like a number has become one.
            $known = &$maps['prefixesPsr0'][((string)$prefix)[0] ?? ''][$prefix];
            $known = $this->union($known ?? [], $directories, $set);
            unset($known);
        }
        foreach (require "$set/autoload_psr4.php" as $prefix => $directories) {
            $maps['prefixDirsPsr4'][$prefix] = $this->union($maps['prefixDirsPsr4'][$prefix] ?? [], $directories, $set);
        }

        return $maps;
    }

    /** Two lists of directories, each once. Sets overlap, and each names directories from its own place. */
    private function union(array $known, array $directories, string $set): array
    {
        foreach ($directories as $directory) {
            if (strpos($directory, "$set/../") === 0) {
                $directory = $this->vendor . substr($directory, strlen("$set/.."));
            }
            if (!in_array($directory, $known, true)) {
                $known[] = $directory;
            }
        }

        return $known;
    }

    /** Adds what a set knows of packages; the base alone knows the root. */
    private static function installed(array $installed, array $set): array
    {
        $installed['root'] = $installed['root'] ?: $set['root'];
        foreach ($set['versions'] as $name => $version) {
            $known = $installed['versions'][$name] ?? [];
            foreach (['aliases', 'replaced', 'provided'] as $list) {
                if (isset($known[$list], $version[$list])) {
                    $version[$list] = array_values(array_unique(array_merge($known[$list], $version[$list])));
                    sort($version[$list], SORT_NATURAL);
                }
            }
            $dev = ($known['dev_requirement'] ?? true) && $version['dev_requirement'];
            $installed['versions'][$name] = ['dev_requirement' => $dev] + $version + $known;
        }

        return $installed;
    }
}
