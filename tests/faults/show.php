<?php

// Shows what the wiki of this process has got, as JSON. Arguments: the vendor directory, then classes to load.

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message): bool {
    throw new ErrorException($message, 0, $level);
});

[, $vendor] = $argv;
$beside = realpath(dirname($vendor, 2)) . '/';
$inTree = static fn(string $file): string => str_replace($beside, '', $file);

$loader = require "$vendor/autoload.php";
$classes = [];
foreach (array_slice($argv, 2) as $class) {
    $classes[$class] = class_exists($class) ? $inTree((new ReflectionClass($class))->getFileName()) : null;
}
$packages = [];
foreach (Composer\InstalledVersions::getInstalledPackages() as $package) {
    $packages[$package] = Composer\InstalledVersions::getPrettyVersion($package);
}
ksort($packages);
$extensions = null;
if (is_file("$vendor/mwfarm_extensions.php")) {
    require "$vendor/mwfarm_extensions.php";
    $extensions = [MwFarm\Extensions::wiki(), MwFarm\Extensions::directories()];
}

echo json_encode([
    'classes' => $classes,
    'packages' => $packages,
    'files' => array_values(preg_grep('~start\.php$~', array_map($inTree, get_included_files()))),
    'again' => $loader === require "$vendor/autoload.php",
    'extensions' => $extensions,
    'dependencies' => is_file("$vendor/MediaWikiExtensions.php") ? require "$vendor/MediaWikiExtensions.php" : null,
]);
