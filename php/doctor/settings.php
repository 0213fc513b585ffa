<?php
// What PHP is and has, as JSON: for `mwfarm doctor`. PHP 7.4.

(static function (): void {
    $modules = [];
    foreach (array_merge(get_loaded_extensions(), get_loaded_extensions(true)) as $module) {
        $modules[strtolower($module)] = phpversion($module) ?: null;
    }
    $settings = null;
    if (extension_loaded('Zend OPcache')) {
        $settings = [];
        foreach (ini_get_all('zend opcache', false) ?: [] as $name => $value) {
            $settings[substr($name, strlen('opcache.'))] = (string)$value;
        }
    }
    echo json_encode([
        'version' => PHP_VERSION,
        'modules' => (object)$modules,
        'opcache' => $settings === null ? null : (object)$settings,
        'ini' => php_ini_loaded_file() ?: null,
    ], JSON_INVALID_UTF8_SUBSTITUTE);
})();
