<?php

// What InstalledVersions answers for a list of extensions that no bundle was linked for. PHP 7.4.

namespace MwFarm;

/** What several sets know of packages. */
final class MergedInstalled_RUNTIMEKEY
{
    /**
     * @param list<string> $sets Their directories, the base's first: it alone knows the root.
     * @return array{root: array, versions: array<string, array>}
     */
    public static function of(array $sets): array
    {
        $installed = ['root' => [], 'versions' => []];
        foreach ($sets as $directory) {
            $set = require "$directory/installed.php";
            $installed['root'] = $installed['root'] ?: $set['root'];
            /** @var array<string, array> $versions */
            $versions = $set['versions'];
            foreach ($versions as $name => $version) {
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
        }
        ksort($installed['versions']);

        return $installed;
    }
}
