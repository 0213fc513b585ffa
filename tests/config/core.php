<?php

// Asks the `SiteConfiguration` of a MediaWiki tree for all settings of each case, in its two ways.

[, $cases, $tree] = $argv;
foreach (["$tree/includes/config/SiteConfiguration.php", "$tree/includes/SiteConfiguration.php"] as $file) {
    if (is_file($file)) {
        require $file;
        break;
    }
}

foreach (unserialize(file_get_contents($cases)) as $number => $case) {
    $configuration = new SiteConfiguration();
    $configuration->settings = $case['settings'];
    $arguments = [$case['wiki'], $case['suffix'], [], $case['tags']];
    $all = $configuration->getAll(...$arguments);
    $before = array_keys($GLOBALS);
    $configuration->extractAllGlobals(...$arguments);
    $globals = [];
    foreach (array_diff(array_keys($GLOBALS), $before) as $name) {
        if (strncmp($name, 'wg', 2) === 0) {
            $globals[$name] = $GLOBALS[$name];
            unset($GLOBALS[$name]);
        }
    }
    foreach (['getAll' => $all, 'extractAllGlobals' => $globals] as $way => $theirs) {
        if ($theirs === $case['expected']) {
            continue;
        }
        echo "$number $way of $case[wiki] with ", json_encode($case['tags']), ":\n";
        foreach ($case['settings'] as $name => $overrides) {
            $both = [$theirs[$name] ?? null, $case['expected'][$name] ?? null];
            if ($both[0] !== $both[1]) {
                echo "  $name: ", json_encode($overrides), "\n    core: ", json_encode($both[0]), "\n    here: ",
                    json_encode($both[1]), "\n";
            }
        }
    }
}
echo 'compared ', $number + 1, "\n";
