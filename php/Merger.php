<?php

// Serves a list of extensions that no bundle was linked for: one loader, merged from the sets. PHP 7.4.

namespace MwFarm;

use Closure;
use Composer\Autoload\ClassLoader;

/** Does what a bundle does, with lists read from sets; never a chain of loaders. */
final class Merger_RUNTIMEKEY
{
    /**
     * Loads the sets and returns their one loader.
     *
     * @param array{authoritative: bool, include_path: bool, prepend: bool} $flags How the tree's loader works.
     * @param array<string, list<string>> $extensions The extensions with their manifests, in load order.
     */
    public static function load(string $vendor, array $flags, Sets_RUNTIMEKEY $sets, array $extensions): ClassLoader
    {
        $sets->check();
        class_exists(ClassLoader::class, false) || require __DIR__ . '/ClassLoader.php';
        $loader = new ClassLoader($vendor);
        if ($paths = $sets->includePaths()) {
            set_include_path(implode(PATH_SEPARATOR, array_merge($paths, [get_include_path()])));
        }
        /** @param array<string, array> $maps */
        $fill = static function (array $maps) use ($loader): void {
            foreach ($maps as $property => $value) {
                $loader->{(string)$property} = $value;
            }
        };
        Closure::bind($fill, null, ClassLoader::class)($sets->maps());
        $loader->setClassMapAuthoritative($flags['authoritative']);
        $loader->setUseIncludePath($flags['include_path']);
        $loader->register($flags['prepend']);
        Extensions::remember($vendor, $loader, $extensions, [$sets, 'installed']);
        $require = Closure::bind(static function ($fileIdentifier, $file) {
            if (empty($GLOBALS['__composer_autoload_files'][$fileIdentifier])) {
                $GLOBALS['__composer_autoload_files'][$fileIdentifier] = true;

                require $file;
            }
        }, null, null);
        foreach ($sets->files() as $fileIdentifier => $file) {
            $require($fileIdentifier, $file);
        }

        return $loader;
    }
}
