<?php
/*
 * Prints the schema of a wiki's databases, so that two can be compared: `sqlite <directory>`, or
 * `mysql <socket> <user> <database>`. Written by mwfarm; the wiki's user runs it.
 */

// An error is the end, whatever PHP is told.
set_error_handler(
    static function (int $kind, string $message): bool {
        throw new ErrorException($message, 0, $kind);
    }
);

/**
 * Prints rows, each as a line; what JSON cannot hold is replaced, always the same way.
 *
 * @param iterable<mixed> $rows
 */
$print = static function (string $what, iterable $rows): void {
    foreach ($rows as $row) {
        echo $what, ' ', json_encode($row, JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR), "\n";
    }
};

if ($argv[1] === 'sqlite') {
    $files = scandir($argv[2]) ?: [];
    sort($files, SORT_STRING);
    foreach ($files as $file) {
        // A link leads to what is not the wiki's, or is there under its own name.
        if (substr($file, -7) !== '.sqlite' || is_link("$argv[2]/$file") || filesize("$argv[2]/$file") === 0) {
            continue;
        }
        $database = new PDO("sqlite:$argv[2]/$file", null, null, [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_TIMEOUT => 60,
            PDO::SQLITE_ATTR_OPEN_FLAGS => PDO::SQLITE_OPEN_READONLY,
        ]);
        $query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
            . " WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name";
        // Never false: errors are exceptions.
        $print($file, $database->query($query, PDO::FETCH_NUM) ?: []);
    }
} else {
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    $database = new mysqli('localhost', $argv[3], '', $argv[4], 0, $argv[2]);
    $queries = [
        'tables' => 'TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION FROM information_schema.TABLES',
        'columns' => 'TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT, IS_NULLABLE, COLUMN_TYPE, COLLATION_NAME, EXTRA'
            . ' FROM information_schema.COLUMNS',
        'indexes' => 'TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE'
            . ' FROM information_schema.STATISTICS',
    ];
    foreach ($queries as $what => $query) {
        $rows = $database->query("SELECT $query WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2, 3");
        $print($what, $rows instanceof mysqli_result ? $rows->fetch_all() : []);
    }
}
echo "end\n";
