<?php

// Loads every class of the wiki's class map and tells how many keys of OPcache's table each file took.

$loader = require $_SERVER['TREE'] . '/vendor/autoload.php';
$root = realpath($_SERVER['TREE']) . '/';
$keys = static function (): int {
    return opcache_get_status(false)['opcache_statistics']['num_cached_keys'];
};
$taken = [];
// Keys that were taken by classes which the one being loaded has had to load.
$inner = 0;
spl_autoload_register(static function (string $class) use ($loader, $root, $keys, &$taken, &$inner): void {
    $path = $loader->findFile($class);
    if ($path === false) {
        return;
    }
    [$outer, $inner, $before] = [$inner, 0, $keys()];
    try {
        $loader->loadClass($class);
    } finally {
        $all = $keys() - $before;
        $file = substr(realpath($path), strlen($root));
        $taken[$file] = ($taken[$file] ?? 0) + $all - $inner;
        $inner = $outer + $all;
    }
}, true, true);
foreach (array_keys($loader->getClassMap()) as $class) {
    try {
        class_exists($class);
    } catch (Error $missing) {
        // A class of Composer's, which its plugins extend, is not there. The file was compiled all the same.
    }
}

header('Content-Type: application/json');
echo json_encode((object)$taken);
