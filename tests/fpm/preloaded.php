<?php
// Prints the classes that PHP has preloaded, sorted.

$classes = opcache_get_status()['preload_statistics']['classes'] ?? [];
sort( $classes );
echo json_encode( $classes );
