# QEMU's `virt` machine: no hardware, but the fast place to try slots, updates and power cuts.
# Sourced by deploy/image; the dollars of `bootm` are for U-Boot.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016

board_packages=(u-boot-qemu)
early_modules=(virtio_mmio virtio_blk crc32c_generic squashfs ext4 dm-verity sha256-arm softdog)
late_modules=(virtio_net)
# The machine makes its own tree.
device_tree=
command_line="console=ttyAMA0,115200 printk.devkmsg=on panic=5 quiet loglevel=4"
# Kernel and initramfs out of the boot area, the tree from the machine.
bootm='bootm ${area}#box ${area}#box ${fdtcontroladdr}'
# Where in memory the boot loader works: the kernel unpacks below the first.
kernel_at=0x42000000 copy_at=0x43f00000 area_at=0x44000000

change_device_tree() { :; }

# The boot loader lies in the machine's own flash, beside the card.
place_bootloader() {
  bootloader_partition=
  cp /usr/lib/u-boot/qemu_arm/u-boot.bin "$out/flash0"
  truncate --size 64M "$out/flash0"
}
