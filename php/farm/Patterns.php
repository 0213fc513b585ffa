<?php

// Hosts that could not be enumerated. PHP 7.4.

namespace MwFarm;

/**
 * Patterns of hosts: a wiki whose name is not in any list answers where its farm's pattern leads to it.
 *
 * @phpstan-type Pattern array{string, string, string|null} Hosts with paths, as a regular expression; where it leads, a
 *   text with `$name` for groups; the suffix when that is a wiki's name, and null when it is another host.
 */
final class Patterns_RUNTIMEKEY
{
    /**
     * Where the first pattern leads that fits.
     *
     * @param list<Pattern> $patterns
     * @return array{string, bool}|null A wiki's name, or a host to look for in turn, and which of these it is.
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
        foreach ($patterns as [$pattern, $target, $suffix]) {
            $groups = [];
            if (preg_match($pattern, $at, $groups) !== 1) {
                continue;
            }
            $variables = [];
            foreach ($groups as $name => $value) {
                $variables["\$$name"] = $value;
            }
            // In one pass, the longest name first.
            $variables['$SUFFIX'] = strtr((string)$suffix, $variables);

            return [strtolower(strtr($target, $variables)), $suffix !== null];
        }

        return null;
    }
}
