<?php

// Publishes a vendor directory as another one is. Arguments: how, the directory to publish, the one to publish it in.
// `careful` writes aside, makes durable, renames; `in-place` writes over what is there, as many programs do.

[, $how, $from, $to] = $argv;
$staging = "$to/.mwfarm_staging";

$below = static function (string $directory): array {
    $files = [];
    foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($directory, 4096)) as $file) {
        $files[] = substr($file->getPathname(), strlen($directory) + 1);
    }
    sort($files);

    return $files;
};
$write = static function (string $path, string $content): void {
    is_dir(dirname($path)) || mkdir(dirname($path), 0777, true);
    $file = fopen($path, 'w');
    fwrite($file, $content);
    fsync($file);
    fclose($file);
};

$clear = static function () use ($staging): void {
    if (is_dir($staging)) {
        $all = new RecursiveIteratorIterator(new RecursiveDirectoryIterator($staging, 4096), 2);
        foreach ($all as $file) {
            $file->isDir() ? rmdir($file->getPathname()) : unlink($file->getPathname());
        }
        rmdir($staging);
    }
};
$clear();
$new = array_filter($below($from), static fn($file) => !is_file("$to/$file")
    || file_get_contents("$to/$file") !== file_get_contents("$from/$file"));
// The manifest first, what is named by hashes next, the dispatcher last.
$rank = static fn($file) => ['mwfarm.json' => 0, 'autoload.php' => 3][$file] ?? (preg_match('/[0-9a-f]{32}/', $file) ? 1 : 2);
usort($new, static fn($one, $other) => [$rank($one), $one] <=> [$rank($other), $other]);
if ($how === 'in-place') {
    foreach ($new as $file) {
        $write("$to/$file", file_get_contents("$from/$file"));
    }
    exit;
}
mkdir($staging);
foreach ($new as $file) {
    $write("$staging/$file", file_get_contents("$from/$file"));
}
$fixed = filemtime("$to/autoload.php");
touch("$staging/autoload.php", max(time(), $fixed + 1));
foreach ($new as $file) {
    $whole = explode('/', $file)[0];
    $name = is_dir("$to/$whole") ? $file : $whole;
    file_exists("$staging/$name") && rename("$staging/$name", "$to/$name");
}
$clear();
