<?php

// What WebStart.php and Setup.php do for settings, in their order; then what they saw, as JSON.

define( 'MEDIAWIKI', true );
defined( 'MW_INSTALL_PATH' ) || define( 'MW_INSTALL_PATH', getenv( 'MW_INSTALL_PATH' ) ?: dirname( __DIR__ ) );
require MW_INSTALL_PATH . '/includes/Defines.php';

$recorded = [];
function wfLoadExtension( $name, $path = null ) {
	$GLOBALS['recorded'][] = "wfLoadExtension $name" . ( $path === null ? '' : " $path" );
}
function wfLoadSkin( $name, $path = null ) {
	$GLOBALS['recorded'][] = "wfLoadSkin $name" . ( $path === null ? '' : " $path" );
}

$wgInvalidateCacheOnLocalSettingsChange = true;
$wgCacheEpoch = '20030516000000';
$wgSitename = 'MediaWiki';
$wgRights = [ 'read' => true, 'edit' => true ];

require MW_INSTALL_PATH . '/vendor/autoload.php';
if ( !defined( 'MW_CONFIG_FILE' ) ) {
	define( 'MW_CONFIG_FILE', getenv( 'MW_CONFIG_FILE' ) ?: MW_INSTALL_PATH . '/LocalSettings.php' );
}
require MW_CONFIG_FILE;

$seen = [];
foreach ( [ 'Sitename', 'Rights', 'SeenVersion', 'UseExtensionComp', 'UseExtensionReg', 'UseExtensionOld',
	'UseExtensionBoth' ] as $name ) {
	$seen[$name] = $GLOBALS["wg$name"] ?? null;
}
echo json_encode( [
	'tree' => basename( MW_INSTALL_PATH ),
	'release' => MW_VERSION,
	'script' => $script,
	'settings' => $seen,
	'loads' => $recorded,
	'library' => class_exists( 'Acme\Lib\Lib' ),
] );
