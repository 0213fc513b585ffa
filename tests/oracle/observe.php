<?php
// Loads one autoload.php in a fresh process and prints, as JSON, everything that a program could see of it.
// The questions come as JSON on standard input:
//   tree       the tree's directory; paths are told relative to it
//   autoload   the file to require
//   classes    class names, in the order in which they are asked for
//   functions  global functions that files of the farm may define
//   packages   package names to ask Composer\InstalledVersions about
//   types      package types to ask for
//   semver     the directory of composer/semver's source (for satisfies()), outside the tree
//   complete   false: only the classes, and what loading them did
//   constants, server, farm   what is defined before (how the wiki is named); `farm` is MediaWikiFarm's list

( static function () {
	$questions = json_decode( stream_get_contents( STDIN ), true, 64, JSON_THROW_ON_ERROR );
	$tree = $questions['tree'];
	$seen = [ 'messages' => [] ];

	// Only where Composer keeps its own two classes may differ from loader to loader.
	$own = [ 'composer\autoload\classloader', 'composer\installedversions' ];
	// A path relative to the tree, without `.` and `..`; links are not followed.
	$relative = static function ( $path ) use ( $tree ) {
		if ( !is_string( $path ) ) {
			return $path;
		}
		$parts = [];
		foreach ( explode( '/', $path ) as $part ) {
			if ( $part === '..' && $parts && end( $parts ) !== '' ) {
				array_pop( $parts );
			} elseif ( $part !== '.' && ( $part !== '' || !$parts ) ) {
				$parts[] = $part;
			}
		}
		$clean = implode( '/', $parts );
		if ( $clean === '' ) {
			return $path;
		}
		return $clean === $tree ? '.' : ( strpos( $clean, "$tree/" ) === 0 ? substr( $clean, strlen( $tree ) + 1 ) : $clean );
	};
	$file = static fn ( $class, $path ) => in_array( strtolower( ltrim( $class, '\\' ) ), $own, true )
		? ( $path === false ? false : '(where Composer\'s own classes are)' ) : $relative( $path );
	$text = static fn ( $message ) => str_replace( $tree, '(tree)', $message );
	$attempt = static function ( callable $ask ) use ( $text ) {
		try {
			return $ask();
		} catch ( Throwable $e ) {
			return [ 'thrown' => get_class( $e ), 'message' => $text( $e->getMessage() ) ];
		}
	};
	$entries = static fn ( $list ) => array_map( static fn ( $entry ) => is_array( $entry )
		? [ $relative( $entry[0] ), $entry[1], $entry[2] ] : $relative( $entry ), $list );

	set_error_handler( static function ( $level, $message ) use ( &$seen, $text ) {
		$seen['messages'][] = "$level: " . $text( $message );
		// The platform check ends the program in this way; a handler that returns true would let it go on.
		return $level !== E_USER_ERROR;
	} );
	// The end of the program, whatever ended it, prints what was seen.
	register_shutdown_function( static function () use ( &$seen, $text, $entries ) {
		$error = error_get_last();
		if ( $error !== null && ( $error['type'] & ( E_ERROR | E_PARSE | E_COMPILE_ERROR | E_USER_ERROR ) ) ) {
			$seen['fatal'] = $text( $error['message'] );
		}
		$seen['files'] = $seen['files'] ?? $entries( $GLOBALS['trace'] );
		$seen['output'] = $text( (string)ob_get_clean() );
		$flags = JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PRESERVE_ZERO_FRACTION;
		fwrite( STDOUT, json_encode( $seen, $flags ) . "\n" );
	} );
	ob_start();
	ini_set( 'display_errors', '0' );

	foreach ( $questions['constants'] ?? [] as $name => $value ) {
		define( $name, $value );
	}
	foreach ( $questions['server'] ?? [] as $name => $value ) {
		$_SERVER[$name] = $value;
	}
	if ( isset( $questions['farm'] ) ) {
		$GLOBALS['wgMediaWikiFarm'] = new class( $questions['farm'] ) {
			private $composer;

			public function __construct( array $composer ) {
				$this->composer = $composer;
			}

			public function getConfiguration( $key ) {
				return $key === 'composer' ? $this->composer : [];
			}
		};
	}
	set_include_path( '.' );
	$GLOBALS['trace'] = [];
	$GLOBALS['loaded'] = [];
	// Two autoload functions of the program's own, as MediaWiki has: the new one's position is told against them.
	$before = [ static function ( $class ) {
	}, static function ( $class ) {
	} ];
	spl_autoload_register( $before[0] );
	spl_autoload_register( $before[1] );
	$globals = array_keys( $GLOBALS );
	$levels = ob_get_level();

	$load = static function () use ( $questions ) {
		return require $questions['autoload'];
	};
	try {
		$loader = $load();
	} catch ( Throwable $e ) {
		$seen['thrown'] = [ get_class( $e ), $text( $e->getMessage() ) ];
		return;
	}

	$seen['files'] = $entries( $GLOBALS['trace'] );
	$seen['identifiers'] = array_keys( $GLOBALS['__composer_autoload_files'] ?? [] );
	$seen['identifier values'] = array_values( array_unique( $GLOBALS['__composer_autoload_files'] ?? [] ) );
	$seen['loaded by files'] = $entries( $GLOBALS['loaded'] );

	if ( $questions['complete'] ) {
		$seen['include path'] = array_map( $relative, explode( PATH_SEPARATOR, get_include_path() ) );
		$seen['value'] = is_object( $loader ) ? get_class( $loader ) : gettype( $loader );
		$seen['value again'] = $load() === $loader;
		$seen['files again'] = count( $GLOBALS['trace'] );
		$seen['globals'] = array_values( array_diff( array_keys( $GLOBALS ), $globals ) );
		$seen['buffers'] = ob_get_level() - $levels;
		$seen['autoload functions'] = array_map( static function ( $function ) use ( $before, $loader ) {
			foreach ( $before as $index => $own ) {
				if ( $function === $own ) {
					return "own $index";
				}
			}
			if ( is_array( $function ) ) {
				$same = $function[0] === $loader ? ' of the value' : '';
				return ( is_object( $function[0] ) ? get_class( $function[0] ) : $function[0] ) . "::$function[1]$same";
			}
			return is_object( $function ) ? get_class( $function ) : $function;
		}, spl_autoload_functions() );
		$seen['registered loaders'] = [];
		foreach ( Composer\Autoload\ClassLoader::getRegisteredLoaders() as $directory => $registered ) {
			$seen['registered loaders'][$relative( $directory )] = [ get_class( $registered ), $registered === $loader ];
		}
		$relativeAll = static fn ( $lists ) => array_map( static fn ( $list ) => array_map( $relative, $list ), $lists );
		$seen['loader'] = [
			'prefixes psr-0' => $relativeAll( $loader->getPrefixes() ),
			'prefixes psr-4' => $relativeAll( $loader->getPrefixesPsr4() ),
			'fallback psr-0' => array_map( $relative, $loader->getFallbackDirs() ),
			'fallback psr-4' => array_map( $relative, $loader->getFallbackDirsPsr4() ),
			'class map' => [],
			'use include path' => $loader->getUseIncludePath(),
			'authoritative' => $loader->isClassMapAuthoritative(),
			'apcu prefix' => $loader->getApcuPrefix(),
		];
		foreach ( $loader->getClassMap() as $class => $path ) {
			// The runtime's own classes belong to no package.
			if ( strpos( $class, 'MwFarm\\' ) !== 0 ) {
				$seen['loader']['class map'][$class] = $file( $class, $path );
			}
		}
		$seen['functions'] = [];
		foreach ( $questions['functions'] as $function ) {
			$seen['functions'][$function] = function_exists( $function )
				? $relative( ( new ReflectionFunction( $function ) )->getFileName() ) : null;
		}
		// Found without being loaded, so the order of asking cannot matter; then again, from the cache of misses.
		$seen['found'] = [];
		foreach ( $questions['classes'] as $class ) {
			$seen['found'][$class] = $file( $class, $loader->findFile( $class ) );
		}
		foreach ( $questions['classes'] as $class ) {
			if ( $file( $class, $loader->findFile( $class ) ) !== $seen['found'][$class] ) {
				$seen['found otherwise'][] = $class;
			}
		}
	}

	$seen['classes'] = [];
	foreach ( $questions['classes'] as $class ) {
		$seen['classes'][$class] = $attempt( static function () use ( $class, $file ) {
			if ( !class_exists( $class ) && !interface_exists( $class, false ) && !trait_exists( $class, false ) ) {
				return null;
			}
			$found = new ReflectionClass( $class );
			return [ $found->getName(), $file( $found->getName(), $found->getFileName() ) ];
		} );
	}
	$seen['loaded'] = $entries( $GLOBALS['loaded'] );

	if ( $questions['complete'] ) {
		$versions = Composer\InstalledVersions::class;
		$normalise = static function ( $data ) use ( &$normalise, $relative ) {
			foreach ( $data as $key => $value ) {
				if ( $key === 'install_path' ) {
					$data[$key] = $relative( $value );
				} elseif ( is_array( $value ) ) {
					$data[$key] = $normalise( $value );
				}
			}
			return $data;
		};
		$installed = [
			'raw' => $normalise( $versions::getAllRawData() ),
			'root' => $normalise( [ $versions::getRootPackage() ] ),
			'packages' => $versions::getInstalledPackages(),
			'by type' => [],
			'answers' => [],
		];
		foreach ( $questions['types'] as $type ) {
			$installed['by type'][$type] = $versions::getInstalledPackagesByType( $type );
		}
		require $questions['semver'] . '/VersionParser.php';
		spl_autoload_register( static function ( $class ) use ( $questions ) {
			if ( strpos( $class, 'Composer\\Semver\\' ) === 0 ) {
				require $questions['semver'] . '/' . strtr( substr( $class, 16 ), '\\', '/' ) . '.php';
			}
		} );
		$parser = new Composer\Semver\VersionParser();
		foreach ( $questions['packages'] as $package ) {
			$installed['answers'][$package] = [
				'installed' => $versions::isInstalled( $package ),
				'installed, not for development' => $versions::isInstalled( $package, false ),
				'version' => $attempt( static fn () => $versions::getVersion( $package ) ),
				'pretty version' => $attempt( static fn () => $versions::getPrettyVersion( $package ) ),
				'ranges' => $attempt( static fn () => $versions::getVersionRanges( $package ) ),
				'reference' => $attempt( static fn () => $versions::getReference( $package ) ),
				'path' => $attempt( static fn () => $relative( $versions::getInstallPath( $package ) ) ),
				'satisfies' => array_map( static fn ( $constraint ) => $attempt(
					static fn () => $versions::satisfies( $parser, $package, $constraint )
				), [ '*', '^1.0', '>=2.0', 'dev-main' ] ),
			];
		}
		$seen['installed'] = $installed;
	}
} )();
