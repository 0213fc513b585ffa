<?php

// Tells the OPcache of this pool that files of fixed names have changed. Asked for over FastCGI only, by
// `mwfarm build --invalidate`; to the web it does and says nothing. PHP 7.4.

(static function (): void {
    // What a web client sends becomes HTTP_… parameters, so it cannot set these two. Who speaks FastCGI to the pool
    // may run any file in it anyhow.
    $generation = $_SERVER['MWFARM_INVALIDATE'] ?? null;
    $files = $_SERVER['MWFARM_INVALIDATE_FILES'] ?? null;
    // The real directory, as OPcache names files, whatever links led here: a vendor directory, or a farm's.
    $directory = dirname(__DIR__);
    $tables = ['autoload.php' => 'wikis', 'farm.php' => 'farm'];
    $names = static function (string $table, string $file) use ($directory, $generation): bool {
        return is_file("$directory/$file")
            && strpos((string)file_get_contents("$directory/$file"), "/{$table}_$generation") !== false;
    };
    if (
        !is_string($files) || !is_string($generation) || preg_match('/\A[0-9a-f]{32}\z/', $generation) !== 1
        || !in_array(true, array_map($names, $tables, array_keys($tables)), true)
    ) {
        http_response_code(404);

        return;
    }
    $opcache = extension_loaded('Zend OPcache') && ini_get('opcache.enable');
    $answer = ['php' => PHP_VERSION, 'opcache' => $opcache, 'invalidated' => [], 'refused' => []];
    foreach ($opcache ? preg_split('/,/', $files, -1, PREG_SPLIT_NO_EMPTY) ?: [] : [] as $name) {
        $file = "$directory/$name";
        if (!is_file($file)) {
            continue;
        }
        // Warnings tell of opcache.restrict_api, and so does the result.
        $done = function_exists('opcache_invalidate') && @opcache_invalidate($file, true);
        if ($done && function_exists('opcache_compile_file')) {
            // Another worker may have read the file before it was replaced and be compiling it still. OPcache drops
            // what such a worker brings, once the new file is there.
            @opcache_compile_file($file);
        }
        $answer[$done ? 'invalidated' : 'refused'][] = $name;
    }
    header('Content-Type: application/json');
    echo json_encode($answer);
})();
