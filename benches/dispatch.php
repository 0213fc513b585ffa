<?php

// What the worker of benches/dispatch.sh runs: one autoloader, classes, and names that are no classes. PHP 8.1.
//
// FastCGI parameters: BENCH_AUTOLOAD, the file to require; BENCH_TASK, one of the functions below; BENCH_NAMES, the
// file that gives the names.

// Functions, so that variables are compiled ones in every variant and the autoloader runs outside the global scope.
match ($_SERVER['BENCH_TASK']) {
    'measure' => measure($_SERVER['BENCH_AUTOLOAD'], require $_SERVER['BENCH_NAMES']),
    'show' => show($_SERVER['BENCH_AUTOLOAD'], require $_SERVER['BENCH_NAMES']),
    'choose' => choose($_SERVER['BENCH_AUTOLOAD'], $_SERVER['BENCH_NAMES']),
};

/** Prints nanoseconds of the autoloader, of the classes and of the misses, then bytes after the first and after all. */
function measure(string $autoload, array $names): void
{
    [$classes, $misses] = $names;
    // Whatever is allocated once for a request is allocated now.
    class_exists('MwFarmBench\\First');
    $before = memory_get_usage();
    $start = hrtime(true);
    require $autoload;
    $loaded = hrtime(true);
    $small = memory_get_usage();
    $from = hrtime(true);
    foreach ($classes as $class) {
        class_exists($class);
    }
    $half = hrtime(true);
    foreach ($misses as $class) {
        class_exists($class);
    }
    $end = hrtime(true);
    $all = memory_get_usage();
    echo $loaded - $start, ' ', $half - $from, ' ', $end - $half, ' ', $small - $before, ' ', $all - $before;
}

/** Prints what the same calls load: the file of each class, the misses that are classes, and the files of ours. */
function show(string $autoload, array $names): void
{
    $loader = require $autoload;
    $files = [];
    foreach ($names[0] as $class) {
        $files[$class] = declared($class, true) ? (new ReflectionClass($class))->getFileName() : null;
    }
    $found = array_filter($names[1], static fn ($class) => declared($class, true));
    $own = preg_grep('#/vendor/(bundle_|wikis_|mwfarm_|composer[^/]*/autoload_)#', get_included_files());
    echo json_encode([
        'files' => $files,
        'found' => array_values($found),
        'own' => array_values($own),
        'authoritative' => $loader->isClassMapAuthoritative(),
        'functions' => array_map('get_debug_type', spl_autoload_functions()),
        'worker' => getmypid(),
    ]);
}

/**
 * Chooses 300 of the autoloader's classes at random, each of which loads without what it extends from elsewhere, and
 * prints them as a file of names. A class that ends the process is found out by trying: it is printed, and the file
 * names those of earlier tries.
 */
function choose(string $autoload, string $skipped): void
{
    $loader = require $autoload;
    $skip = json_decode(file_get_contents($skipped), true);
    $candidates = array_diff(array_keys($loader->getClassMap()), $skip);
    mt_srand(1);
    shuffle($candidates);
    $chosen = [];
    $trying = null;
    ob_start();
    register_shutdown_function(static function () use (&$chosen, &$trying, &$skip) {
        ob_end_clean();
        if ($trying !== null) {
            $skip[] = $trying;
        }
        $misses = array_map(static fn ($class) => $class . 'Absent', array_slice($chosen, 0, 100));
        $names = "<?php\n\nreturn " . var_export([$chosen, $misses], true) . ";\n";
        echo json_encode(['skip' => array_values($skip), 'names' => $trying === null ? $names : null]);
    });
    set_error_handler(static function () use (&$trying, &$skip) {
        $skip[] = $trying;

        return true;
    });
    foreach ($candidates as $class) {
        // One that another class has brought would not be looked for.
        if (count($chosen) === 300 || declared($class, false)) {
            continue;
        }
        $trying = $class;
        if (declared($class, true) && ob_get_length() === 0 && !in_array($class, $skip, true)) {
            $chosen[] = $class;
        } else {
            $skip[] = $class;
            ob_clean();
        }
    }
    $trying = null;
}

function declared(string $name, bool $load): bool
{
    return class_exists($name, $load) || interface_exists($name, false) || trait_exists($name, false);
}
