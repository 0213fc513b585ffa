<?php

// Chooses what opcache.preload may compile. PHP 7.4.

namespace MwFarm;

use ParseError;

/**
 * Files of the base's classes that can be compiled together. A function or class that is declared twice while PHP
 * preloads keeps it from starting, so files that declare functions, or a class that the class map has from elsewhere,
 * are left to be loaded as usual.
 */
final class Preload_RUNTIMEKEY
{
    /**
     * @param array<string, string> $map Class → file.
     * @return list<string>
     */
    public static function files(array $map): array
    {
        $owners = array_map('realpath', $map);
        $files = [];
        foreach (array_unique(array_filter($owners)) as $file) {
            $declared = extension_loaded('tokenizer') ? self::declared((string)file_get_contents($file)) : null;
            $elsewhere = array_filter($declared ?? [], static function ($class) use ($owners, $file) {
                return ($owners[$class] ?? null) !== $file;
            });
            if ($declared !== null && !$elsewhere) {
                $files[] = $file;
            }
        }

        return $files;
    }

    /** @return list<string>|null The classes that a text declares; null when they are not all that it declares. */
    private static function declared(string $text): ?array
    {
        // PHP 8 has names of namespaces as one token, and enumerations; the numbers are of no token before.
        [$qualified, $enum] = [defined('T_NAME_QUALIFIED') ? T_NAME_QUALIFIED : -1, defined('T_ENUM') ? T_ENUM : -1];
        $ignored = [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT];
        try {
            $tokens = token_get_all($text, TOKEN_PARSE);
        } catch (ParseError $error) {
            // Of another PHP, or of none: such a file is an error when it is asked for, and not before.
            return null;
        }
        $tokens = array_values(array_filter($tokens, static function ($token) use ($ignored) {
            return !in_array($token[0], $ignored, true);
        }));
        $classes = [];
        $namespace = '';
        $depth = 0;
        // The depth of the class that the text is in.
        $class = null;
        foreach ($tokens as $index => $token) {
            [$kind, $next] = [$token[0], $tokens[$index + 1] ?? ['', '']];
            if (in_array($kind, ['{', T_CURLY_OPEN, T_DOLLAR_OPEN_CURLY_BRACES], true)) {
                $depth++;
            } elseif ($kind === '}') {
                $depth--;
                $class = $class !== null && $depth < $class ? null : $class;
            } elseif ($class !== null) {
                continue;
            } elseif ($kind === T_NAMESPACE && $next[0] !== T_NS_SEPARATOR) {
                $namespace = '';
                $parts = [T_STRING, T_NS_SEPARATOR, $qualified];
                for ($at = $index + 1; in_array($tokens[$at][0] ?? '', $parts, true); $at++) {
                    $namespace .= $tokens[$at][1] ?? '';
                }
                $namespace .= $namespace === '' ? '' : '\\';
            } elseif (in_array($kind, [T_CLASS, T_INTERFACE, T_TRAIT, $enum], true) && $next[0] === T_STRING) {
                $classes[] = $namespace . $next[1];
                $class = $depth + 1;
            } elseif ($kind === T_FUNCTION && ($tokens[$index - 1][0] ?? '') !== T_USE && $next[0] !== '(') {
                // `function f` or `function &f`, not `function (T $x)` or `function &(T $x)`.
                if ($next[0] === T_STRING || ($tokens[$index + 2][0] ?? '') === T_STRING) {
                    return null;
                }
            }
        }

        return $classes;
    }
}
