<?php

// Hosts that could not be enumerated. PHP 7.4.

namespace MwFarm;

/**
 * Patterns of hosts: a wiki whose name is not in any list answers where its farm's pattern leads to it.
 *
 * @phpstan-type Pattern array{0: string, 1: string, 2?: string, 3?: string} Hosts with paths, as a regular expression;
 *   where it leads, a text with `$name` for groups; when that is a wiki's name and no other host, its suffix and its farm.
 */
final class Patterns_RUNTIMEKEY
{
    /**
     * Where the first pattern leads that fits.
     *
     * @param list<Pattern> $patterns
     * @return array{string, string|null}|null A wiki's name with the farm that it must be of, or a host to look for in
     *   turn.
     */
    public static function lead(array $patterns, string $host, string $uri): ?array
    {
        // Whatever a client sends: a host ends before a path begins, and a path is no part of the host.
        if (strpbrk($host, '/?#') !== false) {
            return null;
        }
        $at = strtolower($host) . ($uri === '' || strpos('/?#', $uri[0]) !== false ? '' : '/') . $uri;
        // What is no host is not to be taken for one with a path.
        $patterns = preg_match('/\A[a-z0-9.:-]+\z/i', $host) === 1 ? $patterns : [];
        foreach ($patterns as $pattern) {
            $groups = [];
            if (preg_match($pattern[0], $at, $groups) !== 1) {
                continue;
            }
            $variables = [];
            foreach ($groups as $name => $value) {
                $variables["\$$name"] = $value;
            }
            // In one pass, the longest name first.
            $variables['$SUFFIX'] = strtr($pattern[2] ?? '', $variables);

            return [strtolower(strtr($pattern[1], $variables)), $pattern[3] ?? null];
        }

        return null;
    }
}
