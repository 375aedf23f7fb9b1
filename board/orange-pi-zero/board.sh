# Orange Pi Zero: Allwinner H2+/H3, 256 or 512 MB, one Ethernet port, microSD.
# Sourced by deploy/image; the dollars of `bootm` are for U-Boot.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016

board_packages=()
early_modules=(sunxi_wdt sunxi-mmc crc32c_generic squashfs ext4 dm-verity sha256-arm)
late_modules=(dwmac-sun8i)
device_tree=sun8i-h2-plus-orangepi-zero.dtb
command_line="console=ttyS0,115200 printk.devkmsg=on panic=5 quiet loglevel=4"
bootm='bootm ${area}#box'
# Where in memory the boot loader works: the kernel unpacks below the first.
kernel_at=0x42000000 copy_at=0x43f00000 area_at=0x44000000

# UART1 and UART2 are on the 26-pin header, for transceivers of RS-485; Debian's tree leaves them off. And the card is to have
# one name, whichever of the two controllers the kernel finds first.
change_device_tree() {
  fdtput -t s "$1" /aliases mmc0 /soc/mmc@1c0f000
  local uart
  for uart in serial@1c28400 serial@1c28800; do
    fdtput -t s "$1" "/soc/$uart" status okay
  done
  fdtput -t s "$1" /aliases serial1 /soc/serial@1c28400
  fdtput -t s "$1" /aliases serial2 /soc/serial@1c28800
}

# The first stage at 8 KiB, where the chip looks for it.
place_bootloader() {
  cp "$parts/usr/lib/u-boot/orangepi_zero/u-boot-sunxi-with-spl.bin" "$work/input/"
  bootloader_partition='partition bootloader { in-partition-table = false offset = 8K image = "u-boot-sunxi-with-spl.bin" }'
}
