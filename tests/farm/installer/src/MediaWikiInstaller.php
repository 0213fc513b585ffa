<?php

namespace MwfarmTest\Installers;

use Composer\Installer\LibraryInstaller;
use Composer\Package\PackageInterface;

/** Installs mediawiki-extension below extensions/ (in CamelCase) and mediawiki-skin below skins/. */
final class MediaWikiInstaller extends LibraryInstaller {
	private const DIRECTORIES = [ 'mediawiki-extension' => 'extensions', 'mediawiki-skin' => 'skins' ];

	public function supports( string $packageType ) {
		return isset( self::DIRECTORIES[$packageType] );
	}

	public function getInstallPath( PackageInterface $package ) {
		$type = $package->getType();
		$name = $package->getExtra()['installer-name'] ?? explode( '/', $package->getPrettyName() )[1];
		if ( $type === 'mediawiki-extension' && !isset( $package->getExtra()['installer-name'] ) ) {
			$name = str_replace( ' ', '', ucwords( str_replace( '-', ' ', $name ) ) );
		}
		return self::DIRECTORIES[$type] . "/$name/";
	}
}
