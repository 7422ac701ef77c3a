/*! Roles: what a certificate lets its holder do, and what a signature says it is. */

/// A role in the sign-off, or of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 填表人: made the report.
    Preparer,
    /// 统计负责人: checked and approved it.
    StatisticsHead,
    /// 财务负责人: where a form asks for one.
    FinanceHead,
    /// 单位负责人: answers for the unit.
    UnitHead,
    /// The agent's own machine: its log's checkpoints, and its side of a connection.
    Agent,
    /// The bureau's receiver: receipts, its log's checkpoints, countersignatures, signed packs.
    Receiver,
}

impl Role {
    /// All of them; those of the sign-off first, in their order on a form's foot.
    pub const ALL: [Role; 6] =
        [Role::Preparer, Role::StatisticsHead, Role::FinanceHead, Role::UnitHead, Role::Agent, Role::Receiver];

    /// In file names, signatures, machine formats and `agent.toml`.
    pub const fn id(self) -> &'static str {
        match self {
            Role::Preparer => "preparer",
            Role::StatisticsHead => "statistician",
            Role::FinanceHead => "finance",
            Role::UnitHead => "head",
            Role::Agent => "agent",
            Role::Receiver => "receiver",
        }
    }

    /// In the subject of a certificate (attribute `title`).
    pub const fn title(self) -> &'static str {
        match self {
            Role::Preparer => "填表人",
            Role::StatisticsHead => "统计负责人",
            Role::FinanceHead => "财务负责人",
            Role::UnitHead => "单位负责人",
            Role::Agent => "台账程序",
            Role::Receiver => "接收程序",
        }
    }

    /// From [`Role::id`].
    pub fn from_id(id: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.id() == id)
    }

    /// From [`Role::title`].
    pub fn from_title(title: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.title() == title)
    }

    /// Whether a person signs a report in it.
    pub const fn signs_off(self) -> bool {
        !matches!(self, Role::Agent | Role::Receiver)
    }
}
