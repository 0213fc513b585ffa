<?php
// Copied into a farm's root: an entry point of MediaWiki that tells what its process has.
if ( PHP_SAPI === 'cli' ) {
	$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
	if ( getenv( 'PROBE_WIKI' ) ) {
		define( 'MW_WIKI_NAME', getenv( 'PROBE_WIKI' ) );
	}
}
require __DIR__ . '/includes/WebStart.php';

( static function () {
	$names = static fn ( $callable ) => !is_array( $callable ) ? get_class( $callable )
		: ( is_object( $callable[0] ) ? get_class( $callable[0] ) : $callable[0] ) . "::$callable[1]";
	$vendor = realpath( __DIR__ . '/vendor' ) . '/';
	$included = preg_grep( '/^' . preg_quote( $vendor, '/' ) . 'bundle_\w{32}\.php$/', get_included_files() );
	echo json_encode( [
		'database' => $GLOBALS['wgDBname'],
		'site' => $GLOBALS['wgSitename'],
		// A class of AbuseFilter's library, one of OATHAuth's, and one of the base.
		'classes' => array_map( static fn ( $class ) => class_exists( $class ) || interface_exists( $class ),
			[ 'Wikimedia\Equivset\Equivset', 'jakobo\HOTP\HOTP', 'Psr\Log\LoggerInterface' ] ),
		'packages' => array_map( [ Composer\InstalledVersions::class, 'isInstalled' ],
			[ 'wikimedia/equivset', 'jakobo/hotp-php', 'psr/log' ] ),
		'loaders' => array_keys( Composer\Autoload\ClassLoader::getRegisteredLoaders() ) === [ rtrim( $vendor, '/' ) ],
		'functions' => array_map( $names, spl_autoload_functions() ),
		'bundles' => count( $included ),
		'globals' => array_values( preg_grep( '/mwfarm|bundle|generation|^(loader|table|vendor)$/i', array_keys( $GLOBALS ) ) ),
	] ), "\n";
} )();
