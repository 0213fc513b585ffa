<?php

// Loads a list of extensions that is only known at run time. PHP 7.4.

namespace MwFarm;

use RuntimeException;

/**
 * Some extensions with all that they require, in load order.
 *
 * @phpstan-type Extension array{string, list<string>, list<string>, string} Its set, what it requires in load order,
 *   its manifests, the kinds of lists that its set has.
 * @phpstan-type Loader array{authoritative: bool, include_path: bool, prepend: bool}
 * @phpstan-type Table array{bundles: array<string, string>, extensions: array<string, Extension>, kinds: string,
 *   loader: Loader, set: string} and more.
 */
final class Combination_RUNTIMEKEY
{
    /** @var Table What the wiki table says of extensions, sets and bundles. */
    private $table;

    /** @var array<string, Extension> The extensions, as the table has them. */
    private $extensions;

    /**
     * @param Table $table What the wiki table says of extensions, sets and bundles.
     * @param array<string> $directories The extensions wanted.
     * @param string $source Who wants them, for messages.
     */
    private function __construct(array $table, array $directories, string $source)
    {
        $wanted = [];
        foreach ($directories as $directory) {
            if (!isset($table['extensions'][$directory])) {
                throw new RuntimeException(
                    "$source names \"$directory\", which this tree did not have at the last `mwfarm build`"
                );
            }
            $wanted[$directory] = true;
            $wanted += array_fill_keys($table['extensions'][$directory][1], true);
        }
        $this->table = $table;
        $this->extensions = array_intersect_key($table['extensions'], $wanted);
    }

    /**
     * The list in MWFARM_EXTENSIONS, else the one of MediaWikiFarm's object; null when that is empty.
     *
     * @param mixed $list
     */
    public static function of(array $table, $list): ?self
    {
        /** @var Table $table */
        if ($list !== null) {
            if (!is_string($list)) {
                throw new RuntimeException('MWFARM_EXTENSIONS has to be a text, such as "Cite,skins/Vector"');
            }
            $directories = array_map(static function ($name) {
                return strpos($name, '/') === false ? "extensions/$name" : $name;
            }, preg_split('/\s*,\s*/', trim($list), -1, PREG_SPLIT_NO_EMPTY) ?: []);

            return new self($table, $directories, 'MWFARM_EXTENSIONS');
        }
        /** @var \MediaWikiFarm|null $farm */
        $farm = $GLOBALS['wgMediaWikiFarm'];
        $keys = is_object($farm) && is_callable([$farm, 'getConfiguration']) ? $farm->getConfiguration('composer') : [];
        if (!is_array($keys) || !$keys) {
            return null;
        }
        $names = ['/\AExtension/', '/\ASkin/'];
        $directories = preg_replace($names, ['extensions/', 'skins/'], array_map('strval', $keys)) ?? [];

        return new self($table, $directories, 'MediaWikiFarm\'s configuration "composer"');
    }

    /** The extensions of a bundle. */
    public static function ofBundle(array $table, string $bundle): self
    {
        /** @var Table $table */
        $names = array_search($bundle, $table['bundles'], true);

        return new self($table, array_filter(explode(',', (string)$names)), 'the wiki table');
    }

    /** Only tells {@see Extensions} what they are. */
    public function remember(string $vendor): void
    {
        Extensions::tell($vendor, array_map(static function (array $extension): array {
            return $extension[2];
        }, $this->extensions));
    }

    /** Loads the bundle of these extensions or, when none was linked, their sets; returns the loader. */
    public function load(string $vendor): object
    {
        $names = array_keys($this->extensions);
        sort($names, SORT_STRING);
        $bundle = $this->table['bundles'][implode(',', $names)] ?? null;
        if ($bundle !== null) {
            return require "$vendor/bundle_$bundle.php";
        }
        foreach (['Sets', 'Merger'] as $class) {
            class_exists(__NAMESPACE__ . "\\{$class}_RUNTIMEKEY", false) || require __DIR__ . "/$class.php";
        }
        $kinds = [$this->table['set'] => $this->table['kinds']];
        $manifests = [];
        foreach ($this->extensions as $directory => $extension) {
            $kinds[$extension[0]] = $extension[3];
            $manifests[$directory] = $extension[2];
        }

        return Merger_RUNTIMEKEY::load(
            $vendor,
            $this->table['loader'],
            new Sets_RUNTIMEKEY($vendor, $kinds),
            $manifests
        );
    }
}
