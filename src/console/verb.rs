//! The commands by name, each with how it is written, an example and what it does.

use crate::language::Language;

/// A command without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `login`
    Login,
    /// `help`
    Help,
    /// `status`
    Status,
    /// `points`
    Points,
    /// `demand`
    Demand,
    /// `gaps`
    Gaps,
    /// `events`
    Events,
    /// `confirm`
    Confirm,
    /// `correct`
    Correct,
    /// `enter`
    Enter,
    /// `entries`
    Entries,
    /// `dr list`
    DrList,
    /// `dr add`
    DrAdd,
    /// `dr reply`
    DrReply,
    /// `dr cancel`
    DrCancel,
    /// `controls`
    Controls,
    /// `hold`
    Hold,
    /// `release`
    Release,
    /// `watch`
    Watch,
    /// `read`
    Read,
    /// `trace`
    Trace,
    /// `record`
    Record,
    /// `learned`
    Learned,
    /// `relearn`
    Relearn,
    /// `meter add`
    MeterAdd,
    /// `meter remove`
    MeterRemove,
    /// `point add`
    PointAdd,
    /// `point remove`
    PointRemove,
    /// `site show`
    SiteShow,
    /// `site line`
    SiteLine,
    /// `site insert`
    SiteInsert,
    /// `site remove`
    SiteRemove,
    /// `site take`
    SiteTake,
    /// `check`
    Check,
    /// `diff`
    Diff,
    /// `commit`
    Commit,
    /// `rollback`
    Rollback,
    /// `audit`
    Audit,
    /// `backup`
    Backup,
    /// `restore`
    Restore,
    /// `update`
    Update,
    /// `factory-reset`
    FactoryReset,
    /// `lang`
    Lang,
    /// `logout`
    Logout,
}

impl Verb {
    /// All, in the order in which a technician meets them.
    pub const ALL: [Self; 44] = [
        Self::Login,
        Self::Help,
        Self::Status,
        Self::Points,
        Self::Demand,
        Self::Gaps,
        Self::Events,
        Self::Confirm,
        Self::Correct,
        Self::Enter,
        Self::Entries,
        Self::DrList,
        Self::DrAdd,
        Self::DrReply,
        Self::DrCancel,
        Self::Controls,
        Self::Hold,
        Self::Release,
        Self::Watch,
        Self::Read,
        Self::Trace,
        Self::Record,
        Self::Learned,
        Self::Relearn,
        Self::MeterAdd,
        Self::MeterRemove,
        Self::PointAdd,
        Self::PointRemove,
        Self::SiteShow,
        Self::SiteLine,
        Self::SiteInsert,
        Self::SiteRemove,
        Self::SiteTake,
        Self::Check,
        Self::Diff,
        Self::Commit,
        Self::Rollback,
        Self::Audit,
        Self::Backup,
        Self::Restore,
        Self::Update,
        Self::FactoryReset,
        Self::Lang,
        Self::Logout,
    ];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Help => "help",
            Self::Status => "status",
            Self::Points => "points",
            Self::Demand => "demand",
            Self::Gaps => "gaps",
            Self::Events => "events",
            Self::Confirm => "confirm",
            Self::Correct => "correct",
            Self::Enter => "enter",
            Self::Entries => "entries",
            Self::DrList => "dr list",
            Self::DrAdd => "dr add",
            Self::DrReply => "dr reply",
            Self::DrCancel => "dr cancel",
            Self::Controls => "controls",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Watch => "watch",
            Self::Read => "read",
            Self::Trace => "trace",
            Self::Record => "record",
            Self::Learned => "learned",
            Self::Relearn => "relearn",
            Self::MeterAdd => "meter add",
            Self::MeterRemove => "meter remove",
            Self::PointAdd => "point add",
            Self::PointRemove => "point remove",
            Self::SiteShow => "site show",
            Self::SiteLine => "site line",
            Self::SiteInsert => "site insert",
            Self::SiteRemove => "site remove",
            Self::SiteTake => "site take",
            Self::Check => "check",
            Self::Diff => "diff",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Audit => "audit",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Update => "update",
            Self::FactoryReset => "factory-reset",
            Self::Lang => "lang",
            Self::Logout => "logout",
        }
    }

    /// The words that follow the name.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Help => "[COMMAND]",
            Self::Points | Self::Gaps | Self::Events | Self::Entries | Self::Controls | Self::Watch => {
                "[POINT]"
            }
            Self::Hold => "POINT PARAMETER VALUE [for=PT15M] [by=NAME]",
            Self::Release => "POINT PARAMETER [by=NAME]",
            Self::Confirm => "EVENT",
            Self::Correct => "EVENT rollover|reset|replaced|glitch|AMOUNT|assumed",
            Self::Enter => "POINT PARAMETER VALUE|none [TIME] [by=NAME]",
            Self::DrList => "[ID]",
            Self::DrAdd => {
                "ID START END KW [type=peak|valley|absorb] [name=TEXT] [deadline=TIME] [invited=TIME] [price=N] [point=ID]"
            }
            Self::DrReply => "ID yes KW|no",
            Self::Read => "LINE UNIT TABLE ADDRESS [COUNT]",
            Self::Trace | Self::SiteRemove => "LINE",
            Self::Record => "LINE FILE",
            Self::Learned | Self::Relearn => "METER",
            Self::MeterAdd => {
                "ID LINE UNIT [MAP] [role=ROLE] [category=ID] [point=ID] [name=TEXT] [ct=N] [pt=N] [interval=PT15S]"
            }
            Self::MeterRemove => "ID [points]",
            Self::PointAdd => "ID METER [REGISTER,...] [role=ROLE] [category=ID] [name=TEXT]",
            Self::DrCancel | Self::PointRemove => "ID",
            Self::SiteShow => "[LINE]",
            Self::SiteLine | Self::SiteInsert => "LINE TEXT",
            Self::SiteTake | Self::Backup | Self::Restore => "FILE",
            Self::Update => "[FILE [force] [later] | confirm | back]",
            Self::FactoryReset => "CEMS-ID",
            Self::Audit => "[COUNT] [who NAME]",
            Self::Lang => "zh|en",
            _ => "",
        }
    }

    /// A line that does something sensible.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Help => "help meter add",
            Self::DrList => "dr list DR-1",
            Self::Points => "points PT-GRID",
            Self::Gaps => "gaps PT-GRID",
            Self::Events => "events PT-GRID",
            Self::Confirm => "confirm 3",
            Self::Correct => "correct 3 12.5",
            Self::Enter => "enter PT-PROD-B OUTPUT 12.5 2024-06-11 by=zhang",
            Self::Entries => "entries PT-PROD-B",
            Self::Controls => "controls PT-EV",
            Self::Hold => "hold PT-EV LIMIT 40 for=PT10M by=zhang",
            Self::Release => "release PT-EV LIMIT",
            Self::Watch => "watch PT-GRID",
            Self::DrAdd => {
                "dr add DR-1 2024-08-06T13:00 2024-08-06T15:00 500 price=2 deadline=2024-08-05T16:00"
            }
            Self::DrReply => "dr reply DR-1 yes 450",
            Self::DrCancel => "dr cancel DR-1",
            Self::Read => "read rs485-1 12 holding 40 2",
            Self::Trace => "trace rs485-1",
            Self::Record => "record rs485-1 /media/usb/rs485-1.frames",
            Self::Learned => "learned m-grid",
            Self::Relearn => "relearn m-grid",
            Self::MeterAdd => "meter add m-chiller3 rs485-1 12 acrel-adw300 role=branch category=CAT-HVAC",
            Self::MeterRemove => "meter remove m-chiller3 points",
            Self::PointAdd => "point add PT-DEMAND m-grid demand,demand_max role=check",
            Self::PointRemove => "point remove PT-DEMAND",
            Self::SiteShow => "site show 21",
            Self::SiteLine => "site line 21 baud = 9600",
            Self::SiteInsert => "site insert 21 parity = \"even\"",
            Self::SiteRemove => "site remove 21",
            Self::SiteTake => "site take /media/usb/gateway.toml",
            Self::Audit => "audit 50 who zhang",
            Self::Backup => "backup /media/usb/cems.backup",
            Self::Restore => "restore /media/usb/cems.backup",
            Self::Update => "update /media/usb/gateway.cems",
            Self::FactoryReset => "factory-reset CEMS-NEW",
            Self::Lang => "lang zh",
            other => other.name(),
        }
    }

    /// What it does, in one line.
    #[must_use]
    pub const fn meaning(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::Login => ("log in with the console's password", "输入控制台密码登录"),
            Self::Help => ("explain the commands, or one of them", "显示全部命令或某一命令的说明"),
            Self::Status => ("lines, meters, store and uplink at a glance", "线路、电表、存储、上行一览"),
            Self::Points => {
                ("the newest reading of every parameter, or of one point", "所有参数或某一测点的最新读数")
            }
            Self::Demand => (
                "the demand of the last window, of the running one and of the month",
                "当前需量、预测需量与本月最大需量",
            ),
            Self::Gaps => {
                ("the last stretches without readings, each with its cause", "最近的数据缺失时段及原因")
            }
            Self::Events => {
                ("what registers did besides growing, and what was made of it", "电表底数异常及系统的判断")
            }
            Self::Confirm => ("say that what was assumed of an event is right", "确认系统对某事件的判断"),
            Self::Correct => (
                "say what an event was, or how much flowed; statistics are computed anew",
                "更正某事件的性质或电量，统计随之重算",
            ),
            Self::Enter => (
                "enter a value by hand, such as the output of a day; 'none' takes it back",
                "人工录入数据，如某日产量；none 表示撤回",
            ),
            Self::Entries => ("who entered which values by hand", "人工录入记录"),
            Self::DrList => (
                "events of demand response and what came of them; of one also who did what",
                "需求响应事件及其结果；指定事件时列出操作记录",
            ),
            Self::DrAdd => ("enter an event of demand response", "录入需求响应事件"),
            Self::DrReply => ("promise so many kW for an event, or decline", "应约（给出千瓦数）或不参与"),
            Self::DrCancel => ("cancel an event of demand response", "作废需求响应事件"),
            Self::Controls => (
                "what may be written to meters, who holds it, and what was written",
                "可写参数、当前控制及写入记录",
            ),
            Self::Hold => (
                "write a value to a meter and hold it; it goes back to rest unless it is said again",
                "写入并保持某值；到期未再次下达则恢复释放值",
            ),
            Self::Release => (
                "let a value go back to rest; an event moves it no more",
                "释放，恢复释放值；本次事件不再控制它",
            ),
            Self::Watch => ("show readings as they come; any key ends it", "实时显示读数，按任意键结束"),
            Self::Read => {
                ("read registers of a meter now; addresses count from 0", "立即读取电表寄存器，地址从 0 起")
            }
            Self::Trace => (
                "show the frames of a line as they come, in words; any key ends it",
                "实时显示线路上的报文及其含义，按任意键结束",
            ),
            Self::Record => (
                "write the last frames of a line to a file, to be looked at or played back",
                "将线路最近的报文写入文件，供分析或回放",
            ),
            Self::Learned => (
                "what a meter was found to refuse, as lines for its register map",
                "电表被发现拒绝读取的内容，可直接写入型号文件",
            ),
            Self::Relearn => (
                "forget what was learned about a meter, and learn it anew",
                "清除对某电表的学习结果，重新学习",
            ),
            Self::MeterAdd
            | Self::MeterRemove
            | Self::PointAdd
            | Self::PointRemove
            | Self::SiteShow
            | Self::SiteLine
            | Self::SiteInsert
            | Self::SiteRemove
            | Self::SiteTake
            | Self::Check
            | Self::Diff
            | Self::Commit
            | Self::Rollback => self.meaning_to_the_site_file(),
            Self::Audit => (
                "who did what, when, from where, and what was refused",
                "审计记录：何人何时何处做了什么、被拒绝了什么",
            ),
            Self::Backup => (
                "write everything that is stored to a file, while polling goes on",
                "将全部存储数据备份到文件，采集不中断",
            ),
            Self::Restore => ("add from a backup what the store does not have", "从备份补入存储中没有的数据"),
            Self::Update => (
                "how an update stands; take one from a file; confirm the running release, or go back",
                "查看升级状态；从文件升级；确认当前版本或回退",
            ),
            Self::FactoryReset => (
                "start the box anew as it was delivered: site file, readings and password are removed",
                "恢复出厂：清除站点文件、读数和口令并重新启动",
            ),
            Self::Lang => ("speak Chinese or English", "切换中文或英文"),
            Self::Logout => ("log out", "退出登录"),
        };
        language.pick(english, chinese)
    }

    /// What an edit of the site file does, in English and in Chinese.
    const fn meaning_to_the_site_file(self) -> (&'static str, &'static str) {
        match self {
            Self::MeterAdd => {
                ("stage a new meter and, with a map, its point", "暂存：新增电表；给出型号时同时新增测点")
            }
            Self::MeterRemove => ("stage the removal of a meter", "暂存：删除电表"),
            Self::PointAdd => ("stage a new point on a meter", "暂存：在电表上新增测点"),
            Self::PointRemove => ("stage the removal of a point", "暂存：删除测点"),
            Self::SiteShow => ("show the site file with the staged edits", "显示暂存修改后的站点文件"),
            Self::SiteLine => (
                "stage: write a line of the site file anew, as it is typed",
                "暂存：按输入原样改写站点文件的一行",
            ),
            Self::SiteInsert => ("stage: put a line before this one", "暂存：在该行之前插入一行"),
            Self::SiteRemove => ("stage: take a line away", "暂存：删除一行"),
            Self::SiteTake => {
                ("stage: another file in the place of the site file", "暂存：以另一文件替换站点文件")
            }
            Self::Check => ("check the site with the staged edits", "检查暂存修改后的配置"),
            Self::Diff => ("show what the staged edits change", "显示暂存的修改"),
            Self::Commit => ("write the staged edits and put them to work", "保存暂存的修改并生效"),
            Self::Rollback => {
                ("drop the staged edits, or undo the last commit", "放弃暂存的修改；无暂存时撤销上次提交")
            }
            _ => ("", ""),
        }
    }
}
