<?php

// What the worker of benches/settings.sh runs: the entry point BENCH_ENTRY, which starts as MediaWiki does. PHP 7.4.

// MediaWiki's defaults that settings files look at.
$wgInvalidateCacheOnLocalSettingsChange = true;
$wgCacheEpoch = '20030516000000';
class_exists('MwFarmBench\\First');
$benchStart = hrtime(true);
require $_SERVER['BENCH_ENTRY'];
$benchEnd = hrtime(true);
switch ($_SERVER['BENCH_TASK']) {
    case 'measure':
        echo $benchEnd - $benchStart;
        break;
    case 'worker':
        echo getmypid();
        break;
    case 'show':
        $benchSettings = array_filter($GLOBALS, static fn ($name) => strncmp($name, 'wgSetting', 9) === 0, ARRAY_FILTER_USE_KEY);
        ksort($benchSettings);
        echo count($benchSettings), ' ', md5(serialize($benchSettings)), ' ', class_exists('Composer\\InstalledVersions');
}
