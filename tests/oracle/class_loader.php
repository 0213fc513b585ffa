<?php
// Puts one ClassLoader through random uses and prints what they give, a line of JSON for each sequence; two loaders
// that print the same behave the same.
//
// php class_loader.php CLASSLOADER DIRECTORY SEED SEQUENCES
//   DIRECTORY  an empty directory, in which class files are made

[ , $file, $directory, $seed, $sequences ] = $argv;
require $file;
mt_srand( (int)$seed );

use Composer\Autoload\ClassLoader;

$class = new ReflectionClass( ClassLoader::class );
// The API: public methods with their parameters, and the private arrays that loaders of other versions fill.
$methods = [];
foreach ( $class->getMethods( ReflectionMethod::IS_PUBLIC ) as $method ) {
	$methods[$method->getName()] = [ $method->isStatic(), array_map( static fn ( $parameter ) => [
		$parameter->getName(), $parameter->isOptional() ? $parameter->getDefaultValue() : '(needed)',
	], $method->getParameters() ) ];
}
ksort( $methods );
$properties = [];
foreach ( $class->getProperties() as $property ) {
	if ( !$property->isStatic() ) {
		$property->setAccessible( true );
		$properties[$property->getName()] = [ $property->isPrivate(), $property->getValue( new ClassLoader( '/v' ) ) ];
	}
}
ksort( $properties );
echo json_encode( [ $methods, $properties, $class->isFinal(), $class->getParentClass() ] ), "\n";

// Files for the loaders to find: every class of a small world in several directories, some nowhere.
$names = [ 'A\B', 'A\B\C', 'A\B_C', 'A\C', 'A_B', 'A_B_C', 'B', 'B\A', 'A', 'a\b', '0\A', 'A\B\\', '\A\B' ];
foreach ( [ 'one', 'two', 'three' ] as $index => $place ) {
	foreach ( [ 'A/B', 'A/B/C', 'A/B_C', 'A/C', 'B/C', 'B', 'C', 'B/A', 'A', 'a/b', '0/A' ] as $number => $name ) {
		if ( ( $number + $index ) % 3 ) {
			@mkdir( dirname( "$directory/$place/$name" ), 0777, true );
			file_put_contents( "$directory/$place/$name.php", '<?php $GLOBALS["seen"][] = [ basename( dirname( __DIR__ ) ), '
				. 'basename( __FILE__ ), array_keys( get_defined_vars() ), isset( $this ), '
				. '(new ReflectionFunction( static function () {} ))->getClosureScopeClass() ];' );
		}
	}
}
$pick = static fn ( array $list ) => $list[mt_rand( 0, count( $list ) - 1 )];
$paths = static fn () => mt_rand( 0, 2 ) ? [ "$directory/" . $pick( [ 'one', 'two', 'three', 'none' ] ) ]
	: ( mt_rand( 0, 1 ) ? "$directory/" . $pick( [ 'one', 'two' ] ) : [ "$directory/one", "$directory/three" ] );
set_include_path( "$directory/two" . PATH_SEPARATOR . "$directory/three" );

for ( $sequence = 0; $sequence < $sequences; $sequence++ ) {
	$loader = new ClassLoader( $pick( [ null, '/vendor/a', '/vendor/b' ] ) );
	$told = [];
	for ( $step = 0; $step < 24; $step++ ) {
		$prefix4 = $pick( [ 'A\\', 'A\B\\', 'B\\', '', 'A', '0\\', 'a\\', null ] );
		$prefix0 = $pick( [ 'A', 'A\\', 'A_', 'A\B', 'B', '', '0', 'a', null ] );
		$calls = [
			[ 'addPsr4', $prefix4, $paths(), (bool)mt_rand( 0, 1 ) ], [ 'setPsr4', $prefix4, $paths() ],
			[ 'add', $prefix0, $paths(), (bool)mt_rand( 0, 1 ) ], [ 'set', $prefix0, $paths() ],
			[ 'addClassMap', [ $pick( $names ) => "$directory/two/A/B/C.php" ] ],
			[ 'findFile', $pick( $names ) ], [ 'findFile', $pick( $names ) ], [ 'loadClass', $pick( $names ) ],
			[ 'getPrefixes' ], [ 'getPrefixesPsr4' ], [ 'getFallbackDirs' ], [ 'getFallbackDirsPsr4' ], [ 'getClassMap' ],
			[ 'setUseIncludePath', (bool)mt_rand( 0, 1 ) ], [ 'getUseIncludePath' ],
			[ 'setClassMapAuthoritative', !mt_rand( 0, 5 ) ], [ 'isClassMapAuthoritative' ],
			[ 'setApcuPrefix', $pick( [ null, 'x' ] ) ], [ 'getApcuPrefix' ],
			[ 'register', (bool)mt_rand( 0, 1 ) ], [ 'unregister' ], [ 'getRegisteredLoaders' ],
		];
		$call = $pick( $calls );
		$GLOBALS['seen'] = [];
		try {
			$result = $loader->{$call[0]}( ...array_slice( $call, 1 ) );
		} catch ( Throwable $e ) {
			$result = [ get_class( $e ), $e->getMessage() ];
		}
		if ( $call[0] === 'getRegisteredLoaders' ) {
			$result = array_map( static fn ( $registered ) => $registered === $loader, $result );
		}
		$functions = array_map( static fn ( $function ) => [ $function[0] === $loader, $function[1] ], spl_autoload_functions() );
		$told[] = [ $call, $result, $GLOBALS['seen'], $functions ];
	}
	echo str_replace( json_encode( $directory ), '', json_encode( $told, JSON_PARTIAL_OUTPUT_ON_ERROR ) ), "\n";
	foreach ( spl_autoload_functions() as $function ) {
		// What is left over stays registered for the next sequence, but its files are not to be loaded.
		spl_autoload_unregister( $function );
	}
}
