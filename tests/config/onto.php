<?php

// Runs the statements of each case on a global variable as LocalSettings.php would, and compares what it is then.

[, $cases, $class] = $argv;
require $class;

$compared = 0;
foreach (unserialize(file_get_contents($cases)) as $number => $case) {
    unset($wgX);
    if (array_key_exists('base', $case)) {
        $wgX = $case['base'];
    }
    eval($case['code']);
    if ($wgX !== $case['result']) {
        echo json_encode([$number, $case, $wgX], JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    }
    $compared++;
}
echo "compared $compared\n";
