<?php
// Which classes PHP finds in files: by its tokens alone, none of it is run. The paths come on the standard input, each
// with a NUL behind it. Says a line for each: the names with a space before each, or `!` when it cannot be read. PHP 7.4.

(static function (): void {
    $keywords = [T_CLASS => true, T_INTERFACE => true, T_TRAIT => true];
    if (defined('T_ENUM')) {
        $keywords[constant('T_ENUM')] = true;
    }
    $skipped = [T_WHITESPACE => true, T_COMMENT => true, T_DOC_COMMENT => true];
    $parts = [T_STRING => true, T_NS_SEPARATOR => true];
    foreach (['T_NAME_QUALIFIED', 'T_NAME_FULLY_QUALIFIED'] as $name) {
        if (defined($name)) {
            $parts[constant($name)] = true;
        }
    }

    // The names in some code; null when it ends behind a keyword.
    $find = static function (string $code) use ($keywords, $skipped, $parts): ?array {
        $names = [];
        $namespace = '';
        $before = null; // The last token that says something; then what is awaited behind it, and what came of that.
        $state = $awaited = '';
        foreach (token_get_all($code) as $token) {
            $id = is_array($token) ? $token[0] : $token;
            if (isset($skipped[$id])) {
                continue;
            }
            if ($state === 'class') {
                $state = '';
                if ($id === T_STRING) {
                    $names[] = ($namespace === '' ? '' : $namespace . '\\') . $token[1];
                }
            } elseif ($state === 'namespace') {
                if (isset($parts[$id])) {
                    $awaited .= $token[1];
                    continue;
                }
                $state = '';
                // `namespace\f()` is no declaration.
                if ($id === ';' || $id === '{' || $id === T_CLOSE_TAG) {
                    $namespace = trim($awaited, '\\');
                }
            } elseif (isset($keywords[$id])) {
                $state = $before === T_DOUBLE_COLON || $before === T_OBJECT_OPERATOR ? '' : 'class';
            } elseif ($id === T_NAMESPACE) {
                $state = 'namespace';
                $awaited = '';
            }
            $before = $id;
        }
        return $state === 'class' ? null : $names;
    };

    $input = (string)stream_get_contents(STDIN);
    for ($at = 0; ($end = strpos($input, "\0", $at)) !== false; $at = $end + 1) {
        $code = @file_get_contents(substr($input, $at, $end - $at));
        if ($code === false) {
            echo "!\n";
            continue;
        }
        // Most of a file usually comes behind its last declaration.
        $names = [];
        $last = -1;
        foreach (['class', 'interface', 'trait', 'enum'] as $word) {
            $place = strripos($code, $word);
            $last = $place === false ? $last : max($last, $place);
        }
        if ($last >= 0) {
            $brace = strpos($code, '{', $last);
            $names = $brace === false ? null : $find(substr($code, 0, $brace + 1));
            $names = $names ?? $find($code) ?? [];
        }
        echo $names === [] ? '' : ' ' . implode(' ', $names), "\n";
    }
})();
