/* libmodbus asks a meter on a serial port, one read after the other. It keeps no silence between frames by
 * itself, so this waits 3.5 characters before each request. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BITS_PER_CHAR 11

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Modbus over Serial Line V1.02, section 2.5.1.1: fixed above 19200 baud. */
static struct timespec gap(int baud)
{
    long ns = baud > 19200 ? 1750000L : (long)(3.5e9 * BITS_PER_CHAR / baud);
    return (struct timespec){.tv_nsec = ns};
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "libmodbus PORT BAUD REGISTERS SECONDS\n");
        return 2;
    }
    int baud = atoi(argv[2]), registers = atoi(argv[3]);
    double until = now_s() + atof(argv[4]);
    struct timespec silence = gap(baud);
    uint16_t words[MODBUS_MAX_READ_REGISTERS];
    modbus_t *bus = modbus_new_rtu(argv[1], baud, 'E', 8, 1);
    if (bus == NULL || modbus_set_slave(bus, 1) != 0 || modbus_connect(bus) != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    while (now_s() < until) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &silence, NULL);
        if (modbus_read_registers(bus, 0, registers, words) != registers || words[registers - 1] != registers - 1) {
            fprintf(stderr, "a read failed: %s\n", modbus_strerror(errno));
            return 1;
        }
    }
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
