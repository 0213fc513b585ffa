<?php

// Shows what the wiki of a request has got: its classes, loaded, each with its file; the files that were included
// for functions; the packages that InstalledVersions knows. TREE names the tree, however the pool reaches it; PAUSE
// is a time in microseconds between the loader and everything else.

$loader = require $_SERVER['TREE'] . '/vendor/autoload.php';
usleep((int)($_SERVER['PAUSE'] ?? 0));

$root = realpath($_SERVER['TREE']) . '/';
$inTree = static function (string $file) use ($root): string {
    return strncmp($file, $root, strlen($root)) === 0 ? substr($file, strlen($root)) : $file;
};
$classes = $packages = [];
foreach (array_keys($loader->getClassMap()) as $class) {
    $there = class_exists($class) || interface_exists($class, false) || trait_exists($class, false);
    $classes[$class] = $there ? $inTree((new ReflectionClass($class))->getFileName()) : null;
}
foreach (Composer\InstalledVersions::getInstalledPackages() as $package) {
    $packages[$package] = Composer\InstalledVersions::getPrettyVersion($package);
}
$files = array_values(array_intersect(
    array_map($inTree, get_included_files()),
    ['start.php', 'extensions/Lantern/Lantern.php']
));
ksort($classes);
ksort($packages);
sort($files);

header('Content-Type: application/json');
echo json_encode([
    'classes' => $classes,
    'files' => $files,
    'packages' => $packages,
    'again' => $loader === require $_SERVER['TREE'] . '/vendor/autoload.php',
]);
