<?php
/*
 * Lets OPcache forget releases that are served no more. Written by mwfarm.
 *
 * Each release has paths of its own, and OPcache keeps every file that it has compiled: after some deploys its memory
 * is full, and what comes later is compiled on every request, until PHP is started again. What is forgotten counts as
 * wasted; when all is full and enough is wasted, OPcache begins anew by itself.
 *
 * Runs in a pool whose socket only root can open, the only one that may use these functions.
 */

$below = explode("\n", $_SERVER['MWFARM_BELOW']);
$kept = $_SERVER['MWFARM_KEPT'];
ini_set('memory_limit', '-1');
$status = function_exists('opcache_get_status') ? opcache_get_status(true) : false;
$forgotten = 0;
foreach ($status['scripts'] ?? [] as $path => $script) {
    foreach ($below as $directory) {
        if (strncmp($path, $directory, strlen($directory)) !== 0) {
            continue;
        }
        if ($kept === '' || strncmp(substr($path, strlen($directory)), "$kept/", strlen($kept) + 1) !== 0) {
            $forgotten += (int)opcache_invalidate($path, true);
        }
    }
}
$status = $status === false ? false : opcache_get_status(false);
header('Content-Type: application/json');
echo json_encode([
    'on' => $status !== false,
    'forgotten' => $forgotten,
    'full' => $status !== false && $status['cache_full'],
    'restarts' => $status !== false ? $status['opcache_statistics']['oom_restarts'] : 0,
    'used' => $status !== false ? $status['memory_usage']['used_memory'] : 0,
    'free' => $status !== false ? $status['memory_usage']['free_memory'] : 0,
    'wasted' => $status !== false ? $status['memory_usage']['wasted_memory'] : 0,
]), "\n";
