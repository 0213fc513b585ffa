<?php

// For LocalSettings.php: what its plain statements cannot say. PHP 7.4.

namespace MwFarm;

/** Diffs onto MediaWiki's settings. */
final class Settings
{
    /**
     * Puts entries before those of a setting. These keep their keys; where an integer is taken the entry is appended. A
     * setting that is no array is replaced.
     *
     * @param list<mixed> $first
     * @param mixed $setting
     * @return array<mixed>
     */
    public static function prepend(array $first, $setting): array
    {
        if (!is_array($setting)) {
            return $first;
        }
        foreach ($setting as $key => $value) {
            if (!array_key_exists($key, $first)) {
                $first[$key] = $value;
            } elseif (!array_key_exists(PHP_INT_MAX, $first)) {
                // Behind that key PHP has none.
                $first[] = $value;
            }
        }

        return $first;
    }
}
