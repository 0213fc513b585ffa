<?php
// Answers of Composer about versions and constraints.
//
// Environment: COMPOSER_AUTOLOAD, the autoload file of Composer's classes.
// Standard input: JSON, {"versions": […], "constraints": […]}.
// Standard output: JSON, see the end; null stands for what Composer refuses. Matrices are strings of 0 and 1.

use Composer\Autoload\AutoloadGenerator;
use Composer\Filter\PlatformRequirementFilter\PlatformRequirementFilterFactory;
use Composer\Package\Link;
use Composer\Package\Loader\RootPackageLoader;
use Composer\Package\Package;
use Composer\Semver\Constraint\Constraint;
use Composer\Semver\VersionParser;

require getenv( 'COMPOSER_AUTOLOAD' );

$input = json_decode( stream_get_contents( STDIN ), true, 16, JSON_THROW_ON_ERROR );
$parser = new VersionParser;

/** The result of a function, or null when it throws. */
function attempt( callable $function ) {
	try {
		return $function();
	} catch ( Exception $e ) {
		return null;
	}
}

/** What the platform check says of PHP for a constraint: the number and the text, as they stand in its code. */
function platformCheck( $constraint ): array {
	static $generator, $method;
	if ( !$generator ) {
		$class = new ReflectionClass( AutoloadGenerator::class );
		$generator = $class->newInstanceWithoutConstructor();
		$generator->setPlatformRequirementFilter( PlatformRequirementFilterFactory::ignoreNothing() );
		$method = $class->getMethod( 'getPlatformCheck' );
		$method->setAccessible( true );
	}
	$package = new Package( 'a/a', '1.0.0.0', '1.0' );
	$package->setRequires( [ 'php' => new Link( 'a/a', 'php', $constraint, Link::TYPE_REQUIRE, '' ) ] );
	$code = (string)$method->invoke( $generator, [ [ $package, '' ] ], 'php-only', [] );
	$id = preg_match( '/PHP_VERSION_ID (>=?) (\d+)/', $code, $found ) ? "$found[1] $found[2]" : '';
	$text = preg_match( '/PHP version "(>=?) ([^"]*)"/', $code, $found ) ? "$found[1] $found[2]" : '';
	return [ $id, $text ];
}

/** Version, alias and normalized alias of a root requirement such as `dev-main as 1.0`; null for none, false for a bad one. */
function inlineAlias( string $constraint ) {
	static $loader, $method;
	if ( !$loader ) {
		$class = new ReflectionClass( RootPackageLoader::class );
		$loader = $class->newInstanceWithoutConstructor();
		$property = $class->getParentClass()->getProperty( 'versionParser' );
		$property->setAccessible( true );
		$property->setValue( $loader, new \Composer\Package\Version\VersionParser );
		$method = $class->getMethod( 'extractAliases' );
		$method->setAccessible( true );
	}
	try {
		$aliases = $method->invoke( $loader, [ 'a/a' => $constraint ], [] );
	} catch ( UnexpectedValueException $e ) {
		return false;
	}
	return $aliases ? [ $aliases[0]['version'], $aliases[0]['alias'], $aliases[0]['alias_normalized'] ] : null;
}

$normalized = [];
$branches = [];
$numbers = [];
foreach ( $input['versions'] as $version ) {
	$normalized[] = attempt( fn () => $parser->normalize( $version ) );
	$branches[] = $parser->normalizeBranch( $version );
	$numbers[] = $parser->parseNumericAliasPrefix( $version ) ?: null;
}

$constraints = array_map( fn ( $text ) => attempt( fn () => $parser->parseConstraints( $text ) ), $input['constraints'] );
$bounds = [];
$checks = [];
$matches = [];
$pairs = [];
foreach ( $constraints as $constraint ) {
	if ( !$constraint ) {
		$bounds[] = $checks[] = $matches[] = $pairs[] = null;
		continue;
	}
	$bound = $constraint->getLowerBound();
	$bounds[] = [ $bound->getVersion(), $bound->isInclusive(), $bound->isZero() ];
	$checks[] = platformCheck( $constraint );
	$row = '';
	foreach ( $normalized as $version ) {
		$row .= $version !== null && $constraint->matches( new Constraint( '==', $version ) ) ? '1' : '0';
	}
	$matches[] = $row;
	$row = '';
	foreach ( $constraints as $other ) {
		$row .= $other && $constraint->matches( $other ) ? '1' : '0';
	}
	$pairs[] = $row;
}

echo json_encode( [
	'normalized' => $normalized,
	'branches' => $branches,
	'numbers' => $numbers,
	'bounds' => $bounds,
	'checks' => $checks,
	'matches' => $matches,
	'pairs' => $pairs,
	'aliases' => array_map( 'inlineAlias', $input['constraints'] ),
], JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES );
