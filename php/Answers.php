<?php

// What files of fixed names say: they ask, so that none of them changes from one generation to the next. PHP 7.4.

namespace MwFarm;

/** Answers them from what this process has loaded and from the wiki table. */
final class Answers_RUNTIMEKEY
{
    /** @var string The vendor directory. */
    private $vendor;

    /** @var array{dependencies: array, set: string, union: string} What the wiki table says of everything, and more. */
    private $table;

    /** @param array $table What the wiki table says of everything. */
    public function __construct(string $vendor, array $table)
    {
        $this->vendor = $vendor;
        /** @var array{dependencies: array, set: string, union: string} $table */
        $this->table = $table;
    }

    /**
     * @param string $question `installed`: what Composer\InstalledVersions reads; `dependencies`: the extensions that
     *   each extension requires, as MediaWikiFarm asks for; `preload`: the files of the base's classes.
     */
    public function to(string $question): array
    {
        switch ($question) {
            case 'dependencies':
                return $this->table['dependencies'];
            case 'preload':
                class_exists(Preload_RUNTIMEKEY::class, false) || require __DIR__ . '/Preload.php';

                return Preload_RUNTIMEKEY::files(
                    require "$this->vendor/composer{$this->table['set']}/autoload_classmap.php"
                );
            default:
                return $this->installed();
        }
    }

    /** What is loaded; before that, everything that is installed. */
    private function installed(): array
    {
        class_exists(Extensions::class, false) || require __DIR__ . '/Extensions.php';
        $installed = Extensions::$installed[$this->vendor]
            ?? "$this->vendor/bundle_{$this->table['union']}_installed.php";

        return is_string($installed) ? require $installed : $installed();
    }
}
