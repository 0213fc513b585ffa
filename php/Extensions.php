<?php

// For LocalSettings.php: loads the extensions and skins that the farm turns on for this wiki. PHP 7.4.

namespace MwFarm;

use Composer\Autoload\ClassLoader;
use RuntimeException;

/**
 * What is loaded in this process, for LocalSettings.php. MediaWiki itself sorts nothing: it runs callbacks and hooks in
 * the order in which extensions are loaded.
 *
 * The name is the same in all versions, and so is what is kept here: a process that loads vendor/autoload.php again
 * after another version was published stays with what it has.
 */
final class Extensions
{
    /** @var array<string, ClassLoader> By vendor directory. @internal */
    public static $loaders = [];

    /** @var array<string, string|callable(): array> What InstalledVersions reads, or who makes it. @internal */
    public static $installed = [];

    /** @var string|null The wiki that is about to be loaded. @internal */
    public static $found;

    /** @var array<string, string> Settings files by wiki: of that one, perhaps of others. @internal */
    public static $settings = [];

    /** @var array<string, string|null> The wiki. */
    private static $wikis = [];

    /** @var array<string, string|null> Its settings file. */
    private static $files = [];

    /** @var array<string, array<string, list<string>>> Extensions with their manifests, in load order. @internal */
    private static $loaded = [];

    /**
     * Calls wfLoadExtension or wfLoadSkin for each, after those that it requires.
     *
     * @param array<string, list<string>> $manifests For extensions with several manifests, which of them to load:
     *   `['extensions/Wikibase' => ['extension-client.json']]`; all without.
     * @throws RuntimeException A manifest is named that the extension does not have.
     * @return list<string> The entry files of those that have no manifest, to be required in the global scope.
     */
    public static function load(array $manifests = []): array
    {
        // Debian's trees reach one vendor directory through links.
        $tree = defined('MW_INSTALL_PATH') ? MW_INSTALL_PATH : dirname(__DIR__, 2);
        $entries = [];
        foreach (self::directories() as $directory) {
            $name = basename($directory);
            $all = self::$loaded[self::vendor()][$directory];
            $wanted = $manifests[$directory] ?? $all;
            if ($missing = array_diff($wanted, $all)) {
                throw new RuntimeException("$directory had no " . implode(', ', $missing) . ' at the last `mwfarm build`');
            }
            foreach ($wanted as $manifest) {
                $skin = strncmp($manifest, 'skin', 4) === 0;
                $usual = $skin ? "skins/$name/skin.json" : "extensions/$name/extension.json";
                // The usual place is MediaWiki's to know: a wiki may have moved it.
                $path = "$directory/$manifest" === $usual ? null : "$tree/$directory/$manifest";
                $skin ? wfLoadSkin($name, $path) : wfLoadExtension($name, $path);
            }
            if (!$all && is_file("$tree/$directory/$name.php")) {
                $entries[] = "$tree/$directory/$name.php";
            }
        }

        return $entries;
    }

    /** The wiki that was found, as the farm names it; null when there is none, or only a list of extensions. */
    public static function wiki(): ?string
    {
        return self::$wikis[self::vendor()] ?? null;
    }

    /** The settings file that `mwfarm build` has compiled for this wiki, with all that it loads; null without a wiki. */
    public static function settings(): ?string
    {
        // One vendor directory is the rule: nobody asks then which one is meant.
        if (\count(self::$files) === 1) {
            foreach (self::$files as $file) {
                return $file;
            }
        }

        return self::$files[self::vendor()] ?? null;
    }

    /** Where this class lies, with others that settings files ask for. */
    public static function runtime(): string
    {
        return __DIR__;
    }

    /** @return list<string> The directories of all that are on, in load order: `extensions/Cite`, `skins/Vector`. */
    public static function directories(): array
    {
        return array_keys(self::$loaded[self::vendor()] ?? []);
    }

    /** The vendor directory of this MediaWiki: another tree may have brought this class. */
    private static function vendor(): string
    {
        $own = \dirname(__DIR__);
        if (!\defined('MW_INSTALL_PATH') || \MW_INSTALL_PATH . '/vendor' === $own) {
            return $own;
        }
        $vendor = realpath(MW_INSTALL_PATH . '/vendor');

        return $vendor !== false && isset(self::$loaded[$vendor]) ? $vendor : $own;
    }

    /**
     * Remembers what a bundle has loaded, or sets have. @internal
     *
     * @param array<string, list<string>> $extensions
     * @param string|callable(): array $installed
     */
    public static function remember(string $vendor, ClassLoader $loader, array $extensions, $installed): void
    {
        self::$loaders[$vendor] = $loader;
        self::$wikis[$vendor] = self::$found;
        self::$files[$vendor] = self::$settings[self::$found ?? ''] ?? null;
        self::$loaded[$vendor] = $extensions;
        self::$installed[$vendor] = $installed;
    }

    /**
     * Remembers what is on where Composer's own loader has loaded everything. @internal
     *
     * @param array<string, list<string>> $extensions
     */
    public static function tell(string $vendor, array $extensions): void
    {
        self::$wikis[$vendor] = self::$found;
        self::$files[$vendor] = self::$settings[self::$found ?? ''] ?? null;
        self::$loaded[$vendor] = $extensions;
    }
}
