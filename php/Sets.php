<?php

// Reads the lists of several sets as those of one autoloader. PHP 7.4.

namespace MwFarm;

/**
 * The base set and sets of extensions, in load order. Classes are those of the bundle, except where files compete: the
 * order of `files`, and the winner among several files that declare a class, follow the order of the sets. Exclusions
 * and platform checks are each set's own.
 *
 * It reads the lists, not the classes of autoload_static.php: another tree of this process may have the same sets.
 */
final class Sets_RUNTIMEKEY
{
    /** @var string The vendor directory. */
    private $vendor;

    /** @var array<string, string> The kinds of lists that each has, by its key, the base first. */
    private $sets;

    /** @param array<string, string> $sets The kinds of lists that each has, by its key, the base first. */
    public function __construct(string $vendor, array $sets)
    {
        $this->vendor = $vendor;
        $this->sets = $sets;
    }

    /** Stops as Composer does when PHP lacks what a set needs. */
    public function check(): void
    {
        foreach ($this->having('p') as $set) {
            require "$set/platform_check.php";
        }
    }

    /** @return array<string, array> The private arrays of Composer's loader. */
    public function maps(): array
    {
        $classes = $psr4 = $psr0 = $lengths = $prefixes = [];
        foreach ($this->having('c') as $set) {
            $more = require "$set/autoload_classmap.php";
            // An empty array that grows to the size of the base's takes longer than that of the base, shared.
            if ($classes) {
                $classes += $more;
            } else {
                $classes = $more;
            }
        }
        foreach ($this->having('4') as $set) {
            $this->join($psr4, require "$set/autoload_psr4.php");
        }
        foreach ($this->having('0') as $set) {
            $this->join($psr0, require "$set/autoload_namespaces.php");
        }
        // The empty prefix is the one for all other classes.
        $fallback = ['fallbackDirsPsr4' => $psr4[''] ?? [], 'fallbackDirsPsr0' => $psr0[''] ?? []];
        unset($psr4[''], $psr0['']);
        // Of PSR-4 prefixes the longest is asked first, whatever their order; of PSR-0 ones the first, as here.
        krsort($psr4, SORT_STRING);
        krsort($psr0);
        foreach (array_map('strval', array_keys($psr4)) as $prefix) {
            $lengths[$prefix[0]][$prefix] = strlen($prefix);
        }
        foreach ($psr0 as $prefix => $directories) {
            // A key that looks like a number has become one.
            $prefixes[((string)$prefix)[0]][$prefix] = $directories;
        }

        return $fallback + [
            'classMap' => $classes,
            'prefixDirsPsr4' => $psr4,
            'prefixLengthsPsr4' => $lengths,
            'prefixesPsr0' => $prefixes,
        ];
    }

    /** @return list<string> Directories for the include path. */
    public function includePaths(): array
    {
        $paths = [];
        foreach ($this->having('i') as $set) {
            $paths = $this->union($paths, require "$set/include_paths.php");
        }

        return $paths;
    }

    /** @return array<string, string> Files to load always, by identifier. */
    public function files(): array
    {
        $files = [];
        foreach ($this->having('f') as $set) {
            $files += require "$set/autoload_files.php";
        }

        return $files;
    }

    /** What InstalledVersions answers. */
    public function installed(): array
    {
        class_exists(MergedInstalled_RUNTIMEKEY::class, false) || require __DIR__ . '/MergedInstalled.php';

        return MergedInstalled_RUNTIMEKEY::of($this->having(''));
    }

    /** @return list<string> The directories of the sets that have lists of a kind, in load order. */
    private function having(string $kind): array
    {
        $sets = [];
        foreach ($this->sets as $set => $kinds) {
            if ($kind === '' || strpos($kinds, $kind) !== false) {
                $sets[] = "$this->vendor/composer$set";
            }
        }

        return $sets;
    }

    /** Adds prefixes with their directories to others. Hardly any prefix is in both. */
    private function join(array &$known, array $more): void
    {
        $both = array_intersect_key($more, $known);
        $known += $more;
        foreach ($both as $prefix => $directories) {
            $known[$prefix] = $this->union($known[$prefix], $directories);
        }
    }

    /**
     * Two lists of directories, each once. Sets overlap, and each names directories from its own place.
     *
     * @return list<string>
     */
    private function union(array $known, array $more): array
    {
        $start = "$this->vendor/composer";
        $places = [];
        foreach (array_merge($known, $more) as $directory) {
            $inSet = strncmp($directory, $start, strlen($start)) === 0
                && substr($directory, strlen($start) + 32, 4) === '/../';
            $places[$inSet ? $this->vendor . substr($directory, strlen($start) + 35) : $directory] = true;
        }

        return array_map('strval', array_keys($places));
    }
}
