<?php
// Says which classes Composer finds in PHP files.
//
// Environment: COMPOSER_CLASS_MAP_GENERATOR, the autoload file of Composer's class map generator.
// Standard input: file names, each ended by a NUL.
// Standard output: JSON, file name => list of class names in hex, or null where Composer gives up on the file.

require getenv( 'COMPOSER_CLASS_MAP_GENERATOR' );

$files = explode( "\0", rtrim( stream_get_contents( STDIN ), "\0" ) );
$found = [];
foreach ( $files as $file ) {
	try {
		$found[$file] = array_map( 'bin2hex', \Composer\ClassMapGenerator\PhpFileParser::findClasses( $file ) );
	} catch ( RuntimeException $e ) {
		$found[$file] = null;
	}
}
echo json_encode( (object)$found, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES );
