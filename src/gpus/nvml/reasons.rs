//! Why a card's clocks are lower than they could be: the bits that `nvml.h` calls `nvmlClocksEventReasons`, and before
//! `nvmlClocksThrottleReasons`. `nvidia-smi` prints the same mask.

use crate::model::gpu::Throttle;

/// Nothing runs: the driver's own word for idle.
const GPU_IDLE: u64 = 0x1;
const SW_POWER_CAP: u64 = 0x4;
const HW_SLOWDOWN: u64 = 0x8;
const SW_THERMAL: u64 = 0x20;
const HW_THERMAL: u64 = 0x40;
const HW_POWER_BRAKE: u64 = 0x80;

/// What holds the card back, and whether its driver calls it idle.
pub(crate) fn read(bits: u64) -> (Throttle, bool) {
    let has = |mask: u64| bits & mask != 0;
    let throttle =
        Throttle { heat: has(SW_THERMAL | HW_THERMAL), power: has(SW_POWER_CAP), hardware: has(HW_SLOWDOWN | HW_THERMAL | HW_POWER_BRAKE) };
    (throttle, has(GPU_IDLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_the_driver_are_reasons() {
        let none = Throttle::default();
        let rows = [
            (0x0, none, false),
            (0x1, none, true),
            (0x4, Throttle { power: true, ..none }, false),
            (0x8, Throttle { hardware: true, ..none }, false),
            (0x20, Throttle { heat: true, ..none }, false),
            (0x40, Throttle { heat: true, hardware: true, ..none }, false),
            (0x80, Throttle { hardware: true, ..none }, false),
            // Settings of clocks, and a group of cards that keep in step: nothing is wrong.
            (0x112, none, false),
        ];
        for (bits, throttle, idle) in rows {
            assert_eq!(read(bits), (throttle, idle), "{bits:#x}");
        }
    }
}
