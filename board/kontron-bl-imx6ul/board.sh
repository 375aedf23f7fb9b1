# Kontron BL i.MX6UL: RS-485 on board, two Ethernet ports, eMMC. The device tree is Debian's, unchanged.
# Sourced by deploy/image; the dollars of `bootm` are for U-Boot.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016

board_packages=()
# Without gpio-mxc the card and both Ethernet ports wait for their regulators forever, and nothing says so.
early_modules=(imx2_wdt gpio-mxc sdhci-esdhc-imx crc32c_generic squashfs ext4 dm-verity sha256-arm)
late_modules=(fec micrel)
device_tree=imx6ul-kontron-bl.dtb
command_line="console=ttymxc3,115200 printk.devkmsg=on panic=5 quiet loglevel=4"
bootm='bootm ${area}#box'
kernel_at=0x82000000 copy_at=0x83f00000 area_at=0x84000000

change_device_tree() { :; }

# Debian packages no boot loader for it: README.md says which one a bench builds, and that it goes to 1 KiB.
place_bootloader() {
  bootloader_partition=
}
