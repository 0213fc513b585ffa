<?php
// Says which classes Composer finds in PHP files.
//
// Environment: COMPOSER_CLASS_MAP_GENERATOR, the autoload file of Composer's class map generator.
//
// classes.php files: standard input has file names, each ended by a NUL; standard output gets JSON, file name =>
//   list of class names in hex, or null where Composer gives up on the file.
// classes.php paths: standard input has JSON, a list of [path, 'classmap'|'psr-4'|'psr-0', namespace]; standard output
//   gets for each a list of "class file", in order, with all files of ambiguous classes; or null where Composer fails.

use Composer\ClassMapGenerator\ClassMapGenerator;
use Composer\ClassMapGenerator\PhpFileParser;

require getenv( 'COMPOSER_CLASS_MAP_GENERATOR' );

$input = stream_get_contents( STDIN );
$answer = $argv[1] === 'files' ? files( $input ) : array_map( 'path', json_decode( $input, true ) );
echo json_encode( $answer, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES );

function files( string $input ): object {
	$found = [];
	foreach ( explode( "\0", rtrim( $input, "\0" ) ) as $file ) {
		try {
			$found[$file] = array_map( 'bin2hex', PhpFileParser::findClasses( $file ) );
		} catch ( RuntimeException $e ) {
			$found[$file] = null;
		}
	}
	return (object)$found;
}

function path( array $job ): ?array {
	[ $path, $type, $namespace ] = $job;
	$generator = new ClassMapGenerator( [ 'php', 'inc', 'hh' ] );
	try {
		$generator->scanPaths( $path, null, $type, $namespace );
	} catch ( RuntimeException | InvalidArgumentException $e ) {
		return null;
	}
	$map = $generator->getClassMap();
	$found = [];
	foreach ( $map->getMap() as $class => $file ) {
		$found[] = "$class $file";
	}
	foreach ( $map->getAmbiguousClasses( false ) as $class => $files ) {
		foreach ( $files as $file ) {
			$found[] = "$class $file";
		}
	}
	sort( $found, SORT_STRING );
	return array_values( array_unique( $found ) );
}
