<?php

// The class loader of bundles. PHP 7.4.

namespace Composer\Autoload;

use InvalidArgumentException;

/**
 * Stands for Composer's class of the same name: the same methods and the same private arrays, which the loaders of
 * other vendor directories fill from outside. Whichever copy of the class comes first serves the whole process.
 */
class ClassLoader
{
    /** @var string|null The directory that the packages of this loader lie in. */
    private $vendorDir;

    /** @var array<string, array<string, int>> First byte → PSR-4 prefix → its length. */
    private $prefixLengthsPsr4 = [];

    /** @var array<string, list<string>> PSR-4 prefix → directories. */
    private $prefixDirsPsr4 = [];

    /** @var list<string> Directories of the empty PSR-4 prefix. */
    private $fallbackDirsPsr4 = [];

    /** @var array<string, array<string, list<string>>> First byte → PSR-0 prefix → directories. */
    private $prefixesPsr0 = [];

    /** @var list<string> Directories of the empty PSR-0 prefix. */
    private $fallbackDirsPsr0 = [];

    /** @var bool Whether the include path is searched too. */
    private $useIncludePath = false;

    /** @var array<string, string> Class → file. */
    private $classMap = [];

    /** @var bool Whether a class that the map lacks is not looked for. */
    private $classMapAuthoritative = false;

    /** @var array<string, bool> Classes that were looked for in vain. */
    private $missingClasses = [];

    /** @var string|null Prefix of the keys in APCu that remember where classes were found. */
    private $apcuPrefix;

    /** @var array<string, self> Registered loaders by vendor directory; the latest of each. */
    private static $registeredLoaders = [];

    public function __construct($vendorDir = null)
    {
        $this->vendorDir = $vendorDir;
    }

    public function getPrefixes()
    {
        return $this->prefixesPsr0 ? array_merge(...array_values($this->prefixesPsr0)) : [];
    }

    public function getPrefixesPsr4()
    {
        return $this->prefixDirsPsr4;
    }

    public function getFallbackDirs()
    {
        return $this->fallbackDirsPsr0;
    }

    public function getFallbackDirsPsr4()
    {
        return $this->fallbackDirsPsr4;
    }

    public function getClassMap()
    {
        return $this->classMap;
    }

    /** @param array<string, string> $classMap */
    public function addClassMap(array $classMap)
    {
        $this->classMap = $this->classMap ? array_merge($this->classMap, $classMap) : $classMap;
    }

    /**
     * @param string $prefix
     * @param string|list<string> $paths
     */
    public function add($prefix, $paths, $prepend = false)
    {
        if (!$prefix) {
            $this->fallbackDirsPsr0 = self::joined($this->fallbackDirsPsr0, (array)$paths, $prepend);

            return;
        }
        $known = &$this->prefixesPsr0[$prefix[0]][$prefix];
        $known = self::joined($known ?? [], (array)$paths, $prepend);
    }

    /**
     * @param string $prefix
     * @param string|list<string> $paths
     */
    public function addPsr4($prefix, $paths, $prepend = false)
    {
        if (!$prefix) {
            $this->fallbackDirsPsr4 = self::joined($this->fallbackDirsPsr4, (array)$paths, $prepend);
        } elseif (!isset($this->prefixDirsPsr4[$prefix])) {
            $this->setPsr4($prefix, $paths);
        } else {
            $this->prefixDirsPsr4[$prefix] = self::joined($this->prefixDirsPsr4[$prefix], (array)$paths, $prepend);
        }
    }

    /**
     * @param string $prefix
     * @param string|list<string> $paths
     */
    public function set($prefix, $paths)
    {
        if ($prefix) {
            $this->prefixesPsr0[$prefix[0]][$prefix] = (array)$paths;
        } else {
            $this->fallbackDirsPsr0 = (array)$paths;
        }
    }

    /**
     * @param string $prefix
     * @param string|list<string> $paths
     */
    public function setPsr4($prefix, $paths)
    {
        if (!$prefix) {
            $this->fallbackDirsPsr4 = (array)$paths;

            return;
        }
        if ($prefix[-1] !== '\\') {
            throw new InvalidArgumentException('A non-empty PSR-4 prefix must end with a namespace separator.');
        }
        $this->prefixLengthsPsr4[$prefix[0]][$prefix] = strlen($prefix);
        $this->prefixDirsPsr4[$prefix] = (array)$paths;
    }

    public function setUseIncludePath($useIncludePath)
    {
        $this->useIncludePath = $useIncludePath;
    }

    public function getUseIncludePath()
    {
        return $this->useIncludePath;
    }

    public function setClassMapAuthoritative($classMapAuthoritative)
    {
        $this->classMapAuthoritative = $classMapAuthoritative;
    }

    public function isClassMapAuthoritative()
    {
        return $this->classMapAuthoritative;
    }

    public function setApcuPrefix($apcuPrefix)
    {
        $usable = function_exists('apcu_fetch') && filter_var(ini_get('apc.enabled'), FILTER_VALIDATE_BOOLEAN);
        $this->apcuPrefix = $usable ? $apcuPrefix : null;
    }

    public function getApcuPrefix()
    {
        return $this->apcuPrefix;
    }

    public function register($prepend = false)
    {
        spl_autoload_register([$this, 'loadClass'], true, $prepend);
        if ($this->vendorDir === null) {
            return;
        }
        if ($prepend) {
            self::$registeredLoaders = [$this->vendorDir => $this] + self::$registeredLoaders;
        } else {
            unset(self::$registeredLoaders[$this->vendorDir]);
            self::$registeredLoaders[$this->vendorDir] = $this;
        }
    }

    public function unregister()
    {
        spl_autoload_unregister([$this, 'loadClass']);
        if ($this->vendorDir !== null) {
            unset(self::$registeredLoaders[$this->vendorDir]);
        }
    }

    public static function getRegisteredLoaders()
    {
        return self::$registeredLoaders;
    }

    public function loadClass($class)
    {
        // What the map has is most of what is asked for: one look, one call.
        if (isset($this->classMap[$class])) {
            return includeFile_RUNTIMEKEY($this->classMap[$class]);
        }
        if (!$this->classMapAuthoritative && ($file = $this->findFile($class))) {
            return includeFile_RUNTIMEKEY($file);
        }

        return null;
    }

    /** @param string $class */
    public function findFile($class)
    {
        if (isset($this->classMap[$class])) {
            return $this->classMap[$class];
        }
        if ($this->classMapAuthoritative || isset($this->missingClasses[$class])) {
            return false;
        }
        if ($this->apcuPrefix !== null) {
            $hit = false;
            $file = apcu_fetch($this->apcuPrefix . $class, $hit);
            if ($hit) {
                return $file;
            }
        }
        $file = $this->findFileWithExtension($class, '.php');
        if ($file === false && defined('HHVM_VERSION')) {
            $file = $this->findFileWithExtension($class, '.hh');
        }
        if ($this->apcuPrefix !== null) {
            apcu_add($this->apcuPrefix . $class, $file);
        }
        if ($file === false) {
            $this->missingClasses[$class] = true;
        }

        return $file;
    }

    private function findFileWithExtension($class, $extension)
    {
        $path = strtr($class, '\\', '/') . $extension;
        $first = $class[0] ?? '';
        // PSR-4, the longest prefix first.
        if (isset($this->prefixLengthsPsr4[$first])) {
            for ($end = strlen($class); ($end = strrpos(substr($class, 0, $end), '\\')) !== false;) {
                foreach ($this->prefixDirsPsr4[substr($class, 0, $end + 1)] ?? [] as $directory) {
                    if (file_exists($file = $directory . '/' . substr($path, $end + 1))) {
                        return $file;
                    }
                }
            }
        }
        foreach ($this->fallbackDirsPsr4 as $directory) {
            if (file_exists($file = $directory . '/' . $path)) {
                return $file;
            }
        }
        // PSR-0: underscores of the short name are directories too.
        $short = strrpos($class, '\\');
        $path = $short === false
            ? strtr($class, '_', '/') . $extension
            : substr($path, 0, $short + 1) . strtr(substr($path, $short + 1), '_', '/');
        foreach ($this->prefixesPsr0[$first] ?? [] as $prefix => $directories) {
            if (strncmp($class, $prefix, strlen($prefix)) === 0) {
                foreach ($directories as $directory) {
                    if (file_exists($file = $directory . '/' . $path)) {
                        return $file;
                    }
                }
            }
        }
        foreach ($this->fallbackDirsPsr0 as $directory) {
            if (file_exists($file = $directory . '/' . $path)) {
                return $file;
            }
        }

        return $this->useIncludePath ? stream_resolve_include_path($path) : false;
    }

    /**
     * @param list<string> $known
     * @param list<string> $paths
     * @return list<string>
     */
    private static function joined(array $known, array $paths, $prepend)
    {
        return $prepend ? array_merge($paths, $known) : array_merge($known, $paths);
    }
}

/** Includes a file outside of any class: it sees the variable `$file`, as with Composer, and neither $this nor self. */
function includeFile_RUNTIMEKEY($file)
{
    include $file;

    return true;
}
