<?php

// Says what the platform lacks, in Composer's words, and stops. PHP 7.4.

return static function (bool $php, string $wanted, bool $int64, array $extensions): void {
    $issues = [];
    if (!$php) {
        $issues[] = 'Your Composer dependencies require a PHP version "' . $wanted . '". You are running ' . PHP_VERSION . '.';
    }
    if (!$int64) {
        $issues[] = 'Your Composer dependencies require a 64-bit build of PHP.';
    }
    $missing = array_keys($extensions, false, true);
    if ($missing) {
        $issues[] = 'Your Composer dependencies require the following PHP extensions to be installed: '
            . implode(', ', $missing) . '.';
    }
    if (!$issues) {
        return;
    }
    if (!headers_sent()) {
        header('HTTP/1.1 500 Internal Server Error');
    }
    if (!ini_get('display_errors')) {
        $text = 'Composer detected issues in your platform:' . PHP_EOL . PHP_EOL;
        $end = PHP_EOL . PHP_EOL;
        if (PHP_SAPI === 'cli' || PHP_SAPI === 'phpdbg') {
            fwrite(STDERR, $text . implode(PHP_EOL, $issues) . $end);
        } elseif (!headers_sent()) {
            // The version in use is no business of the visitor's.
            echo $text . str_replace('You are running ' . PHP_VERSION . '.', '', implode(PHP_EOL, $issues)) . $end;
        }
    }
    trigger_error('Composer detected issues in your platform: ' . implode(' ', $issues), E_USER_ERROR);
};
