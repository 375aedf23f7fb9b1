//! Every capacity of the gateway, with its reason.
//!
//! Nothing in this program grows without one of these. Where two limits depend on each other, a
//! `const` assertion at the end says so, so that a careless change does not compile.

/// Points of one site. A one-site master station on a 128 MB board (`docs/decisions/0003`).
pub const POINTS_MAX: usize = 1_000;
/// Parameters of all points together: five for each point.
pub const PARAMETERS_MAX: usize = 5_000;
/// Equipment categories of one site.
pub const CATEGORIES_MAX: usize = 200;
/// Lines (serial ports and TCP connections) of one site.
pub const LINES_MAX: usize = 64;
/// Meters of one site.
pub const METERS_MAX: usize = 500;
/// Registers in one register map.
pub const MAP_REGISTERS_MAX: usize = 1_000;
/// TOML files in the folder of register maps: far more models than one site has.
pub const MAP_FILES_MAX: usize = 200;
/// Platforms that may hold a token.
pub const PLATFORMS_MAX: usize = 32;

/// Characters of an ID (`interface`: 32 to 64).
pub const ID_CHARS_MAX: usize = 64;
/// Characters of a name shown to a person.
pub const NAME_CHARS_MAX: usize = 128;
/// Bytes of a text that a meter reports, such as its serial number.
pub const METER_TEXT_BYTES_MAX: usize = 64;
/// Bytes of a configuration file or a register map.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;
/// Faults listed for one file; the rest are counted.
pub const FAULTS_MAX: usize = 100;

/// Registers of one read: Modbus Application Protocol V1.1b3, section 6.3.
pub const READ_REGISTERS_MAX: u16 = 125;
/// Coils or discrete inputs of one read: Modbus Application Protocol V1.1b3, section 6.1.
pub const READ_BITS_MAX: u16 = 2_000;
/// Registers of one write: Modbus Application Protocol V1.1b3, section 6.12.
pub const WRITE_REGISTERS_MAX: u16 = 123;
/// Coils of one write: Modbus Application Protocol V1.1b3, section 6.11.
pub const WRITE_BITS_MAX: u16 = 1_968;
/// Bytes of a PDU: Modbus Application Protocol V1.1b3, section 4.1.
pub const PDU_BYTES_MAX: usize = 253;
/// Bytes of a serial frame: Modbus over Serial Line V1.02, section 2.5.1.
pub const RTU_FRAME_BYTES_MAX: usize = 256;
/// Bytes of a TCP frame: Modbus Messaging on TCP/IP V1.0b, section 3.1.3.
pub const TCP_FRAME_BYTES_MAX: usize = 260;
/// Reads of one line whose memory is kept for the next ones: as many as a meter is read with in one scan.
pub const SPARE_WORDS_MAX: usize = 16;
/// Requests waiting for one line. Poll, console and API each have at most a few in flight.
pub const LINE_QUEUE_MAX: usize = 16;
/// Bytes of the frames that are held of one line to be looked at, with what is noted of each: a minute or two
/// of a busy serial line. [`LINES_MAX`] busy lines take 8 MiB of memory.
pub const RECORDING_BYTES_MAX: usize = 128 * 1_024;
/// Bytes of a recording as a file, which is a few times what a line holds: one may be put together by hand.
pub const RECORDING_FILE_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Settings of a serial line that one sweep of `scan` tries: every baud rate of a UART with every parity.
pub const SCAN_SETTINGS_MAX: usize = 64;
/// Reads by which `scan` finds out the register map of one unit: half a minute at 9600 baud.
pub const SCAN_READS_MAX: usize = 400;
/// Answers that one sweep of `scan` keeps: every unit of a serial line, twice.
pub const SCAN_FOUND_MAX: usize = 512;
/// Models of one SunSpec device; the longest that were seen have some thirty.
pub const SUNSPEC_MODELS_MAX: usize = 128;
/// Registers of all models of one SunSpec device, which take 132 reads; the longest have some two thousand.
pub const SUNSPEC_REGISTERS_MAX: u32 = 16_384;

/// Shortest scan interval.
pub const INTERVAL_MIN_MS: i64 = 100;
/// Longest scan interval: a day.
pub const INTERVAL_MAX_MS: i64 = 86_400_000;

/// Scans waiting for the store's writer thread; when it is full the poll waits, never the memory.
pub const STORE_QUEUE_MAX: usize = 1_024;
/// Scans of one group in one epoch; 68 minutes at one scan a second. Longer epochs are read faster,
/// because a query looks into fewer of them, and take longer to replay after a power cut.
pub const EPOCH_SCANS_MAX: usize = 4_096;
/// Readings held open (not yet sealed) over all groups.
pub const OPEN_READINGS_MAX: usize = 2 * 1_024 * 1_024;
/// Bytes of memory of the readings held open; reached only by data that does not compress.
pub const OPEN_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Bytes of memory of full epochs that wait while the medium takes no writes: with the open one a
/// sixth of a 128 MB board.
pub const UNSEALED_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// An epoch may take this part of the bytes that the store may have on disk: so many of them, each
/// a few times over while it is written, always find room.
pub const EPOCHS_OF_SIZE_MAX: u64 = 32;
/// Bytes of blocks that are written and synced together while an epoch is sealed.
pub const SEAL_STEP_BYTES: usize = 128 * 1_024;
/// Period databases in the bytes that the store may have on disk: what goes at once when it is full.
pub const PERIODS_OF_SIZE_MAX: u64 = 16;
/// Bytes of one period database, however much the store may have: what one fault can reach.
pub const PERIOD_BYTES_MAX: u64 = 128 * 1_024 * 1_024;
/// Days of one period database: how long readings may outlive their time.
pub const PERIOD_DAYS_MAX: i64 = 7;
/// Period databases that are held open, each a few megabytes of memory.
pub const PERIODS_OPEN_MAX: usize = 3;
/// Quarter hours that are summed up after a pause in which nothing was read: two days.
pub const QUARTERS_BEHIND_MAX: i64 = 192;
/// Lines of the book of values entered by hand.
pub const MANUAL_ENTRIES_MAX: usize = 5_000;
/// Counts of readings that are remembered between the pages of an answer: a few answers of every parameter.
pub const QUERY_COUNTS_MAX: usize = 4 * PARAMETERS_MAX;
/// Characters of the formula of a virtual Parameter.
pub const FORMULA_CHARS_MAX: usize = 2_000;
/// Summands of the formula of a virtual Parameter.
pub const FORMULA_TERMS_MAX: usize = 32;
/// Bytes of rows that wait while the medium takes no writes: a day of 500 parameters, and after that a
/// row a day.
pub const WAITING_ROWS_BYTES_MAX: usize = 1_024 * 1_024;
/// Bytes of memory that holding one record takes beside its own.
pub const WAITING_ROW_OVERHEAD_BYTES: usize = 64;
/// Quarter hours of groups that wait to be summed up.
pub const QUARTERS_WAITING_MAX: usize = 20_000;
/// Days of one period of quarter-hour rows.
pub const QUARTER_PERIOD_DAYS_MAX: u32 = 31;
/// Pause before a quarter hour that got late readings is summed up once more.
pub const QUARTER_LATE_PAUSE_MS: u64 = 5_000;
/// Starts of the store that are remembered: a restart a day for ten years.
pub const BOOTS_MAX: usize = 4_000;
/// Steps of an unset clock that are remembered of one run: it is set once or twice, not every minute.
pub const CLOCK_STRETCHES_MAX: usize = 32;
/// Scans that are re-dated between two flushes.
pub const REDATING_SCANS: usize = 1_024;
/// Entries of the gap ledger, about two megabytes of memory; the oldest go first and are counted.
pub const GAPS_MAX: usize = 20_000;
/// Gaps of one meter or value in one day before they are told as one that comes and goes.
pub const GAPS_A_DAY_MAX: u32 = 24;
/// Events of registers that are remembered; those that nobody ruled on go first.
pub const COUNTER_EVENTS_MAX: usize = 4_000;
/// Events of one register that are remembered of one quarter hour, the last ones.
pub const COUNTER_EVENTS_A_QUARTER_MAX: usize = 8;
/// The greatest amount that somebody may say flowed between two readings.
pub const COUNTER_AMOUNT_MAX: f64 = 1e15;
/// Events of registers told beside one answer; those that are left out are counted.
pub const API_COUNTER_EVENTS_MAX: usize = 200;
/// `[[tou]]` tables of a site file.
pub const TOU_DAYS_MAX: usize = 64;
/// Changes of the rate in one day.
pub const TOU_EDGES_MAX: usize = 48;
/// Loads that can be switched off to keep a demand below its limit.
pub const DEMAND_CONTROLLABLE_MAX: usize = 100;
/// Days of which the peak of the demand is remembered, a hundred bytes each: a year of months of billing.
pub const DEMAND_DAYS_MAX: usize = 400;
/// `[[factor]]` tables of a site file: there are thirteen energy classes.
pub const FACTORS_MAX: usize = 32;
/// Gaps told beside one answer; those that are left out are counted.
pub const API_GAPS_MAX: usize = 200;
/// Pause between two sealed epochs that are checked while there is nothing else to do.
pub const STORE_CHECK_PAUSE_MS: u64 = 50;
/// Sequence numbers left out when the store starts without its database: more than the rings hold.
pub const STORE_SEQUENCES_UNKNOWN: u64 = 1 << 24;
/// Pause before a database that took no writes is opened again.
pub const STORE_REOPEN_PAUSE_MS: u64 = 2_000;
/// Notes of damage to the store that are kept for the status page.
pub const STORE_DAMAGE_MAX: usize = 32;
/// Readers of scans that keep a cursor, such as the uplink.
pub const STORE_CURSORS_MAX: usize = 64;
/// Bytes of one sled segment.
pub const STORE_SEGMENT_BYTES: usize = 256 * 1_024;
/// Bytes of one stored value. A leaf holds up to 16 keys, and a page above a quarter of a segment
/// would become a file of its own, which a full disk does not survive.
pub const STORE_VALUE_BYTES_MAX: usize = STORE_SEGMENT_BYTES / 80;
/// Bytes of one ring record.
pub const RING_RECORD_BYTES_MAX: usize = 2_500;
/// Records in the ring before the epoch is sealed.
pub const RING_RECORDS_MAX: u32 = 4_096;
/// Series that share one time stamp.
pub const GROUP_SERIES_MAX: usize = 250;
/// Series ever named in one data directory; a site has at most [`PARAMETERS_MAX`] at a time.
pub const STORE_SERIES_MAX: usize = 10 * PARAMETERS_MAX;

/// Days of which it is kept how much was written to the medium: a month shows a pace.
pub const FLASH_DAYS_MAX: usize = 31;
/// Seconds for which the medium must have been watched before a pace is told.
pub const FLASH_WATCHED_MIN_S: u64 = 3_600;
/// Bytes of readings, as they lie in memory, that one frame of a backup holds: a frame is read and
/// written as a whole, and a small one would code its columns badly.
pub const BACKUP_FRAME_READINGS_BYTES: usize = 2 * 1_024 * 1_024;
/// Bytes of one frame of a backup: twice what the readings of one that does not compress take.
pub const BACKUP_FRAME_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Bytes of an API request body.
pub const API_BODY_BYTES_MAX: usize = 64 * 1_024;
/// Nesting of an API request body.
pub const API_JSON_DEPTH_MAX: usize = 8;
/// Bytes of one item of an answer; also the fixed buffer that it is written into.
pub const API_ITEM_BYTES_MAX: usize = 4_096;
/// Bytes of an answer that are sent together.
pub const API_REPLY_SENT_BYTES: usize = 32 * 1_024;
/// Bytes of an answer that are held back and sent together: one with a length if that was all, one
/// chunk of a stream if not.
pub const API_REPLY_HELD_BYTES_MAX: usize = 8 * 1_024;
/// Bytes of a path with its query string.
pub const API_TARGET_BYTES_MAX: usize = 2 * 1_024;
/// Items of one page.
pub const API_PAGE_SIZE_MAX: u32 = 500;
/// Items of one page where the request does not say.
pub const API_PAGE_SIZE_DEFAULT: u32 = 100;
/// Readings that one question may go through. A month of one-second readings is 2.7 million; twice
/// that takes a small ARM board a few seconds, and a longer answer is better asked for in parts.
pub const QUERY_READINGS_MAX: u64 = 6_000_000;
/// Days before and after a statistic in which a register's next reading is looked for. A gap longer
/// than a month says nothing about the day it ends on.
pub const QUERY_EDGE_DAYS_MAX: i64 = 31;
/// Bytes of the head of a request.
pub const GATE_HEAD_BYTES_MAX: usize = 8 * 1_024;
/// Headers of a request.
pub const GATE_FIELDS_MAX: usize = 48;
/// Connections to the interface at a time; far below the 1,024 file handles of a process, of which each
/// takes two.
pub const GATE_CONNECTIONS_MAX: usize = 64;
/// Of these, connections of one address, or of one network of 64 bits.
pub const GATE_CONNECTIONS_PER_ADDRESS_MAX: usize = 16;
/// File handles that connections leave to the rest of the gateway. An answer takes up to four between gate and
/// worker, and a worker's socket that once finds none left is never heard of again.
pub const GATE_HANDLES_KEPT: usize = 32;
/// Requests on one connection; after that the client connects again.
pub const GATE_REQUESTS_PER_CONNECTION_MAX: u32 = 10_000;
/// Bytes of an answer that wait for a slow client, so that a worker need not.
pub const GATE_SPOOL_BYTES_MAX: usize = 256 * 1_024;
/// Bytes of an answer that wait in any case.
pub const GATE_SPOOL_BYTES_MIN: usize = 32 * 1_024;
/// Bytes of all answers that wait, beyond what each may in any case.
pub const GATE_SPOOLS_BYTES_MAX: usize = 2 * 1_024 * 1_024;
/// Bytes that the system holds of one answer on its way.
pub const GATE_SEND_BUFFER_BYTES: usize = 64 * 1_024;
/// Seconds that the time of a signed request may be off ours.
pub const SIGNATURE_AGE_MAX_S: u64 = 300;
/// Signed requests of one platform in twice that time.
pub const NONCES_MAX: usize = 1_024;
/// Requests of a platform in a minute where the site file does not say.
pub const PLATFORM_REQUESTS_PER_MIN: u32 = 1_200;
/// Threads that answer API requests.
pub const API_WORKERS: usize = 4;
/// Entries of one list in a request.
pub const API_LIST_MAX: usize = 100;

/// Addresses that a meter was found to refuse and that are kept of it; more than any real meter has holes.
pub const LEARNED_SPANS_MAX: usize = 64;
/// Requests that one scan may spend on taking refused reads apart, so that one odd meter does not hold
/// up its line; what is left is taken apart in the next scan.
pub const BISECTION_READS_MAX: usize = 24;
/// Connections that have not said yet which modem they come from.
pub const DIAL_IN_UNREGISTERED_MAX: usize = 32;
/// Bytes by which a modem says who it is.
pub const REGISTRATION_BYTES_MAX: usize = 64;
/// Parameters that may be written to; each is read back now and then while it is held.
pub const CONTROLS_MAX: usize = 64;
/// Lines of the book of what was written; about 100 bytes each.
pub const CONTROL_LINES_MAX: usize = 1_000;

/// Entries of one ring of the audit book, which has five; some 200 bytes of memory each.
pub const AUDIT_RING_MAX: usize = 800;
/// Characters of what a deed is about: a few dozen keys of a site file.
pub const AUDIT_ABOUT_CHARS_MAX: usize = 256;
/// How long a note that is made again is counted to the entry that it has: an hour.
pub const AUDIT_REPEAT_MS: i64 = 3_600_000;
/// Entries that further notes may be counted to.
pub const AUDIT_OPEN_MAX: usize = 128;
/// Entries of refusals in an hour; further ones are counted in one more.
pub const AUDIT_REFUSALS_AN_HOUR_MAX: u32 = 30;
/// Pause between two writes of what was only counted: what a power cut takes of a count.
pub const AUDIT_SETTLE_MS: i64 = 600_000;
/// Entries of one page of the audit book.
pub const AUDIT_PAGE_MAX: usize = 500;

/// Events of demand response that are kept: a summer of them for years; the oldest that are over go first.
pub const DR_EVENTS_MAX: usize = 400;
/// Events of demand response that are not over yet; further ones are refused.
pub const DR_OPEN_EVENTS_MAX: usize = 32;
/// Entries of who did what with one event.
pub const DR_AUDIT_MAX: usize = 6;
/// Days that a baseline may look back on for samples: as far as readings are kept.
pub const DR_SAMPLE_DAYS_MAX: i64 = 45;
/// Days after an event in which late readings may still complete what came of it.
pub const DR_SETTLE_DAYS_MAX: i64 = 7;
/// Days before its start that an event may be entered.
pub const DR_AHEAD_DAYS_MAX: i64 = 366;
/// Kilowatts, and money for one of their hours, that can be meant.
pub const DR_AMOUNT_MAX: f64 = 1e9;
/// Resources that can be adjusted.
pub const DR_RESOURCES_MAX: usize = 64;
/// Holidays of a list: some years of them.
pub const DR_DATES_MAX: usize = 366;

/// Bytes of one MQTT payload.
pub const UPLINK_PAYLOAD_BYTES_MAX: usize = 16 * 1_024;
/// Unacknowledged MQTT messages.
pub const UPLINK_IN_FLIGHT_MAX: usize = 16;
/// Scans read from the store at once for the uplink. A scan of a full group takes a few payloads, so
/// this bounds the messages that wait in memory to about a megabyte.
pub const UPLINK_SCANS_READ_MAX: usize = 16;
/// Bytes of an MQTT message with a piece of an update: where it lies, and the piece; and the topic.
pub const UPLINK_UPDATE_BYTES_MAX: usize = UPDATE_PIECE_BYTES_MAX + 2 * 1_024;
/// Bytes of the message that says how an update stands.
pub const UPLINK_UPDATE_STATE_BYTES_MAX: usize = 2 * 1_024;
/// Seconds without any acknowledgement after which a broker is taken for gone.
pub const UPLINK_ACK_TIMEOUT_S: u64 = 30;

/// Bytes of a small file of the system or of our own that is read as a whole.
pub const HEALTH_FILE_BYTES_MAX: u64 = 16 * 1_024;
/// Characters that are kept of a panic.
pub const PANIC_CHARS_MAX: usize = 300;
/// Ends of runs that are remembered, of the last hour: a service that ends every two seconds is not counted on.
pub const RUN_ENDS_MAX: usize = 100;
/// Thermal zones that are looked at.
pub const THERMAL_ZONES_MAX: usize = 16;

/// Bytes of one console line.
pub const CONSOLE_LINE_BYTES_MAX: usize = 512;

/// Bytes of an export that go from the gateway to its command line together.
pub const ORDER_DATA_BYTES: usize = 64 * 1_024;
/// Bytes of one frame between the gateway and its command line.
pub const ORDER_FRAME_BYTES_MAX: usize = 256 * 1_024;

/// Characters of the word that tells why a slot was left.
pub const BOOT_REASON_CHARS_MAX: usize = 32;
/// Bytes of the file that describes the board.
pub const BOARD_FILE_BYTES_MAX: u64 = 16 * 1_024;
/// Characters of a text in it.
pub const BOARD_TEXT_CHARS_MAX: usize = 256;
/// Bytes of the manifest of an update.
pub const UPDATE_MANIFEST_BYTES_MAX: usize = 8 * 1_024;
/// Bytes of its signature.
pub const UPDATE_SIGNATURE_BYTES_MAX: usize = 1_024;
/// Bytes of an update that come, are written or are read back together.
pub const UPDATE_PIECE_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of an update that are written before they are synced: memory that the system holds for them.
pub const UPDATE_UNSYNCED_BYTES_MAX: usize = 1_024 * 1_024;
/// Bytes of a slot: far more than a system of ours takes, far less than a mistake in a unit.
pub const SLOT_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;

/// Registers and coils that a client may write into one simulated meter beside its measurements.
pub const SIM_WRITTEN_MAX: usize = 1_024;
/// Connections that one simulated Modbus TCP server holds at once.
pub const SIM_CONNECTIONS_MAX: usize = 32;
/// Requests that no recording knows and that are told while it is played back, each once.
pub const SIM_UNKNOWN_TOLD_MAX: usize = 100;

// Two names, what a deed is about, and what stands beside them.
const _: () = assert!((2 * NAME_CHARS_MAX + AUDIT_ABOUT_CHARS_MAX) * 4 + 64 < STORE_VALUE_BYTES_MAX);
const _: () = assert!(TCP_FRAME_BYTES_MAX <= RECORDING_BYTES_MAX);
// A line of the file: four characters a byte at most, and sixty before them.
// Four characters a byte, and a line of 60 for what takes 20 bytes at least.
const _: () = assert!(RECORDING_BYTES_MAX * 4 + RECORDING_BYTES_MAX / 20 * 60 < RECORDING_FILE_BYTES_MAX);
const _: () = assert!(RING_RECORD_BYTES_MAX <= STORE_VALUE_BYTES_MAX);
const _: () =
    assert!(BACKUP_FRAME_BYTES_MAX > BACKUP_FRAME_READINGS_BYTES + GROUP_SERIES_MAX * METER_TEXT_BYTES_MAX);
const _: () = assert!(ORDER_DATA_BYTES <= ORDER_FRAME_BYTES_MAX);
const _: () =
    assert!(UPDATE_PIECE_BYTES_MAX <= API_BODY_BYTES_MAX && UPDATE_PIECE_BYTES_MAX <= ORDER_DATA_BYTES);
const _: () = assert!(OPEN_READINGS_MAX >= PARAMETERS_MAX);
const _: () = assert!(EPOCH_SCANS_MAX < u16::MAX as usize);
const _: () = assert!(METER_TEXT_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(API_PAGE_SIZE_DEFAULT <= API_PAGE_SIZE_MAX);
const _: () = assert!(NAME_CHARS_MAX * 4 * 2 < API_ITEM_BYTES_MAX);
const _: () = assert!(METER_TEXT_BYTES_MAX <= READ_REGISTERS_MAX as usize * 2);
const _: () = assert!(API_ITEM_BYTES_MAX <= API_REPLY_HELD_BYTES_MAX);
const _: () = assert!(GATE_CONNECTIONS_PER_ADDRESS_MAX * 4 <= GATE_CONNECTIONS_MAX);
const _: () = assert!(API_WORKERS * 4 < GATE_HANDLES_KEPT);
const _: () = assert!(API_TARGET_BYTES_MAX * 2 < GATE_HEAD_BYTES_MAX);
const _: () =
    assert!(API_REPLY_SENT_BYTES <= GATE_SPOOL_BYTES_MIN && GATE_SPOOL_BYTES_MIN < GATE_SPOOL_BYTES_MAX);
