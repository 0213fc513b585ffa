<?php

// Includes a settings file as LocalSettings.php does, and prints `same`, or what the file makes of the variables that
// are expected: evaluate.php FILE EXPECTED.json. PHP 7.4.

namespace MwFarm {
    class Extensions
    {
        public static function runtime(): string
        {
            return dirname(__DIR__, 2) . '/php';
        }
    }
}

namespace {
    function wfLoadExtension(...$arguments)
    {
        $GLOBALS['loaded'][] = ['extension', ...$arguments];
    }

    function wfLoadSkin(...$arguments)
    {
        $GLOBALS['loaded'][] = ['skin', ...$arguments];
    }

    define('MW_INSTALL_PATH', __DIR__);
    $loaded = [];
    $wgInvalidateCacheOnLocalSettingsChange = false;
    $before = array_merge(array_keys(get_defined_vars()), ['before', 'after', 'expected', 'wgMediaWikiFarm']);
    set_error_handler(static function (int $level, string $message) {
        throw new ErrorException($message, 0, $level);
    });
    require $argv[1];
    $after = array_diff_key(get_defined_vars(), array_flip($before));
    $expected = json_decode(file_get_contents($argv[2]), true, 512, JSON_THROW_ON_ERROR);
    // What is no text in UTF-8 is written as {"hex": …}.
    array_walk($expected, static function (&$value) {
        $value = isset($value['hex']) ? hex2bin($value['hex']) : $value;
    });
    if ($loaded) {
        $after['loaded'] = $loaded;
    }
    ksort($after);
    ksort($expected);
    echo $after === $expected ? 'same' : serialize($after) . "\nexpected\n" . serialize($expected);
}
