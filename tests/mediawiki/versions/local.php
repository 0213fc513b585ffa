<?php

// What only PHP can say, for all wikis of the farm.

$wgDBname = $wgMediaWikiFarm->getVariable( '$WIKIID' );
$farmVersion = $wgMediaWikiFarm->getVariable( '$VERSION' );
$farmPlace = "$wgDBname $farmVersion";
$wgSQLiteDataDir = dirname( __DIR__, 2 ) . "/data/$wgDBname";
$wgCacheDirectory = "$wgSQLiteDataDir/cache-$farmVersion";
$wgServer = 'http://' . explode( '/', $wgMediaWikiFarm->getVariable( '$SERVER' ) )[0];
$wgSecretKey = hash( 'sha256', "test-$wgDBname" );

$farmSqlite = static function ( $name ) use ( $wgSQLiteDataDir ) {
	return [ 'type' => 'sqlite', 'dbname' => $name, 'tablePrefix' => '', 'variables' => [ 'synchronous' => 'NORMAL' ],
		'dbDirectory' => $wgSQLiteDataDir, 'trxMode' => 'IMMEDIATE', 'flags' => 0 ];
};
$wgObjectCaches[CACHE_DB] = [ 'class' => SqlBagOStuff::class, 'loggroup' => 'SQLBagOStuff', 'server' => $farmSqlite( 'wikicache' ) ];
$wgJobTypeConf['default'] = [ 'class' => 'JobQueueDB', 'claimTTL' => 3600, 'server' => $farmSqlite( "{$wgDBname}_jobqueue" ) ];

// Pages and the API say for which wiki and version these settings were compiled.
$wgHooks['BeforePageDisplay'][] = static function ( $out ) use ( $farmPlace ) {
	$out->addMeta( 'farm', $farmPlace );
};
$wgHooks['APIQuerySiteInfoGeneralInfo'][] = static function ( $module, &$info ) use ( $farmPlace ) {
	$info['farm'] = $farmPlace;
};

// For tests of update.php: it waits at a pipe until that is closed, and fails.
if ( PHP_SAPI === 'cli' && file_exists( __DIR__ . "/gate-$wgDBname" ) ) {
	file_get_contents( __DIR__ . "/gate-$wgDBname" );
}
if ( PHP_SAPI === 'cli' && file_exists( __DIR__ . "/fails-$wgDBname-$farmVersion" ) ) {
	fwrite( STDERR, "update.php of $farmPlace is to fail\n" );
	exit( 3 );
}
