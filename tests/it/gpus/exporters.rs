//! Exporters: what each of them says of cards is the same in the end, whatever its names and units are.

use aifinops::gpus::all_smi::AllSmi;
use aifinops::gpus::amd_exporter::AmdExporter;
use aifinops::gpus::cards::place;
use aifinops::gpus::dcgm::Dcgm;
use aifinops::gpus::nvidia_gpu_exporter::NvidiaGpuExporter;
use aifinops::gpus::{EXPORTERS, Exporter, Exposition, prometheus};
use aifinops::model::gpu::{GpuProcess, GpuReading, Slice, Throttle, UseKind, Vendor};

const DCGM: &[u8] = include_bytes!("../../fixtures/gpus/dcgm.prom");
const DCGM_MIG: &[u8] = include_bytes!("../../fixtures/gpus/dcgm_mig.prom");
const NVIDIA: &[u8] = include_bytes!("../../fixtures/gpus/nvidia_gpu_exporter.prom");
const ALL_SMI: &[u8] = include_bytes!("../../fixtures/gpus/all_smi.prom");
const AMD: &[u8] = include_bytes!("../../fixtures/gpus/amd_exporter.prom");
const ANSWER: &[u8] = include_bytes!("../../fixtures/gpus/prometheus_query.json");

/// The card of which all of the pages speak.
const CARD: &str = "11111111-aaaa-4bbb-8ccc-000000000000";

fn read(exporter: &dyn Exporter, page: &[u8]) -> Vec<GpuReading> {
    let said = Exposition::parse(page);
    assert_eq!(said.bad_lines, 0, "{}", exporter.name());
    exporter.read(&said)
}

fn of<'a>(readings: &'a [GpuReading], id: &str) -> &'a GpuReading {
    readings.iter().find(|reading| reading.id == id).unwrap_or_else(|| panic!("{id} is none of {readings:#?}"))
}

fn ids(readings: &[GpuReading]) -> Vec<&str> {
    readings.iter().map(|reading| reading.id.as_str()).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_same_card_has_the_same_figures_whoever_speaks_of_it() {
    for (exporter, page) in [(&Dcgm as &dyn Exporter, DCGM), (&NvidiaGpuExporter, NVIDIA), (&AllSmi, ALL_SMI), (&AmdExporter, AMD)] {
        let readings = read(exporter, page);
        let card = of(&readings, CARD);
        let name = exporter.name();
        assert_eq!((card.index, card.used), (Some(0), Some(420)), "{name}: the share of a thousand");
        assert_eq!((card.memory_used, card.memory_total), (Some(137_438_953_472), Some(150_754_820_096)), "{name}: bytes");
        assert_eq!((card.power, card.energy), (Some(512_500), Some(8_123_456_789)), "{name}: milliwatts and millijoules");
        assert_eq!((card.temperature, card.clock), (Some(61), Some(1980)), "{name}: degrees and megahertz");
        assert!(card.slice.is_none() && card.at.is_none(), "{name}");
    }
}

#[test]
fn each_exporter_knows_its_own_page_and_no_other() {
    let pages = [DCGM, NVIDIA, ALL_SMI, AMD];
    for (own, exporter) in EXPORTERS.iter().enumerate() {
        for (other, page) in pages.iter().enumerate() {
            assert_eq!(exporter.is_it(&Exposition::parse(page)), own == other, "{} and page {other}", exporter.name());
        }
        let nothing = Exposition::parse(b"node_cpu_seconds_total 1\ngpu_operator_gpu_nodes_total 1\nvllm:num_requests_running 1\n");
        assert!(!exporter.is_it(&nothing) && exporter.read(&nothing).is_empty(), "{}", exporter.name());
    }
}

#[test]
fn dcgm_says_everything_of_a_card() {
    let readings = read(&Dcgm, DCGM);
    let expected = GpuReading {
        id: CARD.to_owned(),
        host: Some("n1".to_owned()),
        index: Some(0),
        vendor: Vendor::Nvidia,
        name: "NVIDIA H200".to_owned(),
        pci: Some("0000:83:00.0".to_owned()),
        used: Some(420),
        sm: Some(310),
        tensor: Some(123),
        bandwidth: Some(275),
        memory_used: Some(137_438_953_472),
        memory_total: Some(150_754_820_096),
        power: Some(512_500),
        power_cap: Some(700_000),
        energy: Some(8_123_456_789),
        temperature: Some(61),
        clock: Some(1980),
        throttle: Some(Throttle { heat: true, power: true, hardware: true }),
        driver_idle: Some(false),
        ecc: Some(2),
        xid: Some(79),
        labels: pairs(&[("namespace", "research"), ("pod", "job-7-0"), ("container", "trainer")]),
        ..GpuReading::default()
    };
    assert_eq!(*of(&readings, CARD), expected);
}

#[test]
fn numbers_that_stand_for_nothing_are_not_known() {
    let readings = read(&Dcgm, DCGM);
    assert_eq!(ids(&readings), [CARD, "11111111-aaaa-4bbb-8ccc-000000000001"], "of the third card all figures stand for nothing");
    let idle = &readings[1];
    assert_eq!((idle.energy, idle.tensor, idle.xid), (None, None, None));
    assert_eq!((idle.used, idle.used_kind), (Some(13), UseKind::Engine), "the profiler's figure, where there is no other");
    assert_eq!((idle.driver_idle, idle.throttle, idle.ecc), (Some(true), Some(Throttle::default()), Some(0)));
    assert_eq!((idle.memory_used, idle.memory_total), (Some(0), Some(150_754_820_096)));
    assert!(idle.labels.is_empty());
    for blank in
        ["9223372036854775792", "9223372036854775794", "9.2233720368547758e+18", "2147483632", "2147483635", "140737488355328", "NaN"]
    {
        let page =
            format!("DCGM_FI_DEV_POWER_USAGE{{UUID=\"GPU-1\"}} {blank}\nDCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{UUID=\"GPU-1\"}} {blank}\n");
        assert!(read(&Dcgm, page.as_bytes()).is_empty(), "{blank}");
        let page = page + "DCGM_FI_DEV_POWER_USAGE{UUID=\"GPU-1\",pod=\"a\"} 70\n";
        assert_eq!(read(&Dcgm, page.as_bytes())[0].power, Some(70_000), "{blank}");
    }
    let page = b"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{UUID=\"GPU-1\"} 2147483631\nDCGM_FI_DEV_FB_USED{UUID=\"GPU-1\"} 5\n";
    let card = &read(&Dcgm, page)[0];
    assert_eq!((card.energy, card.memory_used, card.memory_total), (Some(2_147_483_631), Some(5_242_880), None), "half of a sum is none");
}

#[test]
fn instances_are_cards_of_their_own_and_leave_their_card_alone() {
    let readings = read(&Dcgm, DCGM_MIG);
    let card = "22222222-aaaa-4bbb-8ccc-000000000000";
    let other = "22222222-aaaa-4bbb-8ccc-000000000001";
    let mut found = ids(&readings);
    found.sort_unstable();
    assert_eq!(found, [card.to_owned(), format!("{card}/gi1"), format!("{card}/gi9"), other.to_owned(), format!("{other}/gi3")]);

    let whole = of(&readings, card);
    assert_eq!((whole.memory_used, whole.used, whole.power), (Some(18_000 << 20), Some(310), Some(295_000)));
    assert!(whole.slice.is_none() && whole.labels.is_empty());
    let first = of(&readings, &format!("{card}/gi1"));
    assert_eq!(first.slice, Some(Slice { parent: card.to_owned(), profile: "3g.71gb".to_owned(), of: Some((3, 7)) }));
    assert_eq!((first.used, first.used_kind, first.tensor, first.memory_used), (Some(995), UseKind::Engine, Some(500), Some(17_000 << 20)));
    assert_eq!((first.name.as_str(), first.host.as_deref(), first.index), ("NVIDIA H200", Some("n2"), Some(0)));
    assert_eq!(first.power, None, "the card's power is said once, and not for each of its instances");
    assert_eq!(first.labels, pairs(&[("namespace", "lab"), ("pod", "ann-0"), ("container", "notebook")]));
    assert_eq!(of(&readings, &format!("{card}/gi9")).used, Some(0));

    assert_eq!((of(&readings, other).power, of(&readings, other).used), (Some(31_000), None));
    assert_eq!(of(&readings, &format!("{other}/gi3")).slice.as_ref().unwrap().of, Some((2, 4)), "an A30 has four slices");
}

#[test]
fn an_instance_has_the_slices_that_its_name_says() {
    let sizes =
        [("1g.10gb+me", Some((1, 7))), ("1c.3g.40gb", Some((3, 7))), ("7g.141gb", Some((7, 7))), ("9g.1gb", None), ("", None), ("x", None)];
    for (profile, slices) in sizes {
        let page = format!("DCGM_FI_DEV_FB_USED{{UUID=\"GPU-1\",GPU_I_ID=\"2\",GPU_I_PROFILE=\"{profile}\"}} 1\n");
        let readings = read(&Dcgm, page.as_bytes());
        assert_eq!((ids(&readings).as_slice(), readings[0].slice.as_ref().unwrap().of), (["1/gi2"].as_slice(), slices), "{profile}");
    }
}

#[test]
fn nvidia_gpu_exporter_names_cards_in_one_place_and_their_processes_in_another() {
    let readings = read(&NvidiaGpuExporter, NVIDIA);
    let card = of(&readings, CARD);
    assert_eq!((card.name.as_str(), card.pci.as_deref(), card.host.as_deref()), ("NVIDIA H200", Some("0000:83:00.0"), None));
    assert_eq!((card.power_cap, card.ecc, card.used_kind), (Some(700_000), Some(2), UseKind::Kernel));
    assert_eq!(card.xid, Some(79), "the last one, not the one that came most often");
    assert_eq!((card.throttle, card.driver_idle), (Some(Throttle { heat: true, power: true, hardware: true }), Some(false)));
    let process = |pid, memory, name: &str| GpuProcess { pid, memory, name: Some(name.to_owned()), ..GpuProcess::default() };
    let expected = vec![process(4242, Some(137_438_953_472), "python"), process(4243, None, "/opt/a b, c}")];
    assert_eq!(card.processes, Some(expected), "memory that nobody could tell is not 0");

    let parted = of(&readings, "11111111-aaaa-4bbb-8ccc-000000000001");
    assert_eq!((parted.used, parted.power, parted.power_cap, parted.driver_idle), (None, Some(295_010), Some(650_000), Some(true)));
    assert_eq!(parted.processes, Some(Vec::new()));
    let part = of(&readings, "11111111-aaaa-4bbb-8ccc-000000000001/gi1");
    assert_eq!(part.slice, Some(Slice { parent: parted.id.clone(), profile: "3g.71gb".to_owned(), of: Some((3, 7)) }));
    assert_eq!(
        (part.used, part.sm, part.memory_used, part.memory_total),
        (Some(970), Some(620), Some(17_727_000_000), Some(75_497_472_000))
    );
    assert_eq!(part.processes, Some(vec![process(77, Some(14_183_038_976), "vllm")]));
    assert_eq!(part.power, None);

    let silent = read(&NvidiaGpuExporter, b"nvidia_smi_temperature_gpu{uuid=\"aa\"} 30\n");
    assert_eq!(silent[0].processes, None, "nobody asked for processes");
    let named =
        read(&NvidiaGpuExporter, b"nvidia_smi_gpu_info{uuid=\"aa\",name=\"NVIDIA H200\",index=\"0\"} 1\nnvidia_smi_count{uuid=\"aa\"} 1\n");
    assert!(named.is_empty(), "a name is no figure");
}

#[test]
fn all_smi_says_0_where_it_does_not_know() {
    let readings = read(&AllSmi, ALL_SMI);
    let card = of(&readings, CARD);
    assert_eq!((card.host.as_deref(), card.vendor, card.power_cap), (Some("n1"), Vendor::Nvidia, Some(700_000)));
    assert_eq!(card.processes.as_ref().unwrap().len(), 1);
    assert_eq!((card.processes.as_ref().unwrap()[0].pid, card.processes.as_ref().unwrap()[0].memory), (4242, Some(137_438_953_472)));
    let apple = of(&readings, "m4-1");
    assert_eq!((apple.vendor, apple.is_unified, apple.host.as_deref(), apple.index), (Vendor::Apple, true, Some("mac"), Some(1)));
    assert_eq!((apple.used, apple.used_kind, apple.power), (Some(125), UseKind::Engine, Some(4200)));
    assert_eq!((apple.temperature, apple.clock, apple.memory_used, apple.memory_total, apple.energy), (None, None, None, None, None));
    assert_eq!(apple.processes, Some(Vec::new()));
    let part = of(&readings, "11111111-aaaa-4bbb-8ccc-000000000002/gi5");
    assert_eq!((part.used, part.memory_used, part.memory_total), (Some(750), Some(1 << 30), Some(10 << 30)));
    assert_eq!(part.slice.as_ref().unwrap().of, Some((2, 7)));
    assert_eq!(readings.len(), 3, "of the third card nothing but its instance is known, and a processor is no card");
    let idle = read(&AllSmi, b"all_smi_gpu_utilization{gpu=\"NVIDIA L4\", instance=\"n4\", index=\"0\"} 0\n");
    assert_eq!((idle[0].id.as_str(), idle[0].used, idle[0].processes.clone()), ("n4/0", Some(0), None), "idle is known");
}

#[test]
fn every_mac_is_a_card_of_its_own_though_all_have_one_uuid() {
    let page = |host: &str, pid: u32| {
        let labels = format!("gpu=\"Apple M3 Max\", instance=\"{host}\", gpu_uuid=\"AppleSiliconGPU\", gpu_index=\"0\"");
        format!(
            "all_smi_gpu_utilization{{{labels}}} 50\nall_smi_gpu_power_consumption_watts{{{labels}}} 9\n\
             all_smi_energy_consumed_joules_total{{host=\"{host}\", gpu_uuid=\"AppleSiliconGPU\"}} 7\n\
             all_smi_process_memory_used_bytes{{pid=\"{pid}\", name=\"ollama\", device_uuid=\"AppleSiliconGPU\"}} 5\n"
        )
    };
    for (host, pid) in [("mac1", 1), ("mac2", 2)] {
        let readings = read(&AllSmi, page(host, pid).as_bytes());
        let mac = of(&readings, &format!("{host}/applesilicongpu"));
        assert_eq!((readings.len(), mac.host.as_deref(), mac.used, mac.energy), (1, Some(host), Some(500), Some(7000)));
        assert_eq!(mac.processes.as_ref().unwrap()[0].pid, pid);
    }
}

#[test]
fn a_card_that_is_named_by_its_place_alone_is_told_apart_by_its_host() {
    let page = |labels: &str| read(&AmdExporter, format!("gpu_gfx_activity{{{labels}}} 3\n").as_bytes()).remove(0);
    let at_address = page("pcie_bus_id=\"0000:c1:00.0\",gpu_id=\"0\",hostname=\"n1\"");
    assert_eq!((at_address.id.as_str(), at_address.pci.as_deref()), ("n1/0000:c1:00.0", Some("0000:c1:00.0")));
    for (labels, expected) in [
        ("gpu_id=\"0\"", "box/0"),
        ("pcie_bus_id=\"0000:c1:00.0\"", "box/0000:c1:00.0"),
        ("gpu_id=\"0\",hostname=\"n1\"", "n1/0"),
        ("gpu_id=\"0\",gpu_uuid=\"72FF74A1-0000\"", "72ff74a1-0000"),
    ] {
        let mut reading = page(labels);
        place(&mut reading, "box");
        assert_eq!(reading.id, expected, "{labels}");
    }
}

#[test]
fn amds_exporter_has_a_prefix_partitions_and_three_kinds_of_power() {
    let readings = read(&AmdExporter, AMD);
    assert_eq!(ids(&readings), [CARD, "n1/1", "n3/0"], "the second partition of a card is no card");
    let card = of(&readings, CARD);
    assert_eq!((card.vendor, card.used_kind, card.ecc), (Vendor::Amd, UseKind::Engine, Some(2)));
    assert_eq!((card.host.as_deref(), card.name.as_str()), (Some("n1"), "MI300X"));
    assert_eq!(card.labels, pairs(&[("job_id", "991"), ("job_user", "ann")]));
    let second = of(&readings, "n1/1");
    assert_eq!((second.used, second.power, second.clock), (Some(970), Some(310_000), Some(132)), "65535 W stand for nothing");
    assert_eq!((second.energy, second.temperature), (Some(8_123_000_000), None), "a line without a partition is the card's");
    let older = of(&readings, "n3/0");
    assert_eq!((older.used, older.power, older.temperature, older.clock), (None, Some(84_000), Some(44), None));
    assert_eq!((older.name.as_str(), older.memory_total), ("MI210", Some(65_536 << 20)), "used and free make the whole");

    // As releases for cards with a board's number for a model say it, and for cards that cannot be divided.
    let board = br#"gpu_gfx_activity{card_model="102-G30211-0C",card_series="AMD Instinct MI300X OAM",gpu_id="2",gpu_partition_id="NA",hostname="n4"} 3"#;
    let board = read(&AmdExporter, board);
    assert_eq!((board[0].id.as_str(), board[0].name.as_str(), board[0].used), ("n4/2", "AMD Instinct MI300X OAM", Some(30)));

    let prefixed = String::from_utf8_lossy(AMD).replace("gpu_gfx_activity{", "amd_gpu_gfx_activity{");
    let prefixed = prefixed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| if line.starts_with("amd_") { format!("{line}\n") } else { format!("amd_{line}\n") });
    assert_eq!(read(&AmdExporter, prefixed.collect::<String>().as_bytes()), readings);
}

#[test]
fn a_fleet_behind_prometheus_is_read_target_by_target() {
    let targets = prometheus::by_target(prometheus::read(ANSWER).unwrap());
    let mut readings = Vec::new();
    for (_, said) in &targets {
        readings.extend(EXPORTERS.iter().filter(|exporter| exporter.is_it(said)).flat_map(|exporter| exporter.read(said)));
    }
    assert_eq!(readings.len(), 3);
    let busy = of(&readings, CARD);
    assert_eq!((busy.used, busy.power, busy.host.as_deref(), busy.at), (Some(420), Some(512_500), Some("n1"), Some(1_795_323_895_125)));
    assert_eq!(busy.labels, pairs(&[("namespace", "research"), ("pod", "job-7-0"), ("container", "trainer")]));
    let idle = of(&readings, "11111111-aaaa-4bbb-8ccc-000000000001");
    assert_eq!((idle.used, idle.energy), (Some(0), None));
    assert!(idle.labels.is_empty(), "the exporter's own pod has no card");
    let other = of(&readings, "11111111-aaaa-4bbb-8ccc-000000000009");
    assert_eq!((other.host.as_deref(), other.used), (Some("n2"), Some(255)), "the machine, not the address that was scraped");
}

#[test]
fn lines_are_put_together_by_whatever_names_the_card() {
    let page = b"DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",Hostname=\"a\"} 30\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",Hostname=\"a\"} 5\n\
        DCGM_FI_DEV_SM_CLOCK{UUID=\"GPU-1\"} 900\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"b\"} 7\n\
        DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-2\",Hostname=\"a\"} 9\nDCGM_FI_DEV_GPU_UTIL{pci_bus_id=\"00000000:07:00.0\"} 11\n\
        DCGM_FI_DEV_GPU_UTIL 50\n";
    let readings = read(&Dcgm, page);
    let mut found: Vec<_> = readings.iter().map(|r| (r.id.as_str(), r.used, r.temperature, r.clock)).collect();
    found.sort_unstable();
    let expected = [
        ("0000:07:00.0", Some(110), None, None),
        ("1", Some(50), Some(30), Some(900)),
        ("2", Some(90), None, None),
        ("b/0", Some(70), None, None),
    ];
    assert_eq!(found, expected, "another UUID at the same place is another card, and a line that names none is no card's");
}

#[test]
fn a_label_is_data_whatever_is_in_it() {
    let page = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",modelName=\"\u{1b}[31mH200\u{7}\",pod=\"a\\\\b\\n\\\"c\"} 5\n";
    let card = &read(&Dcgm, page.as_bytes())[0];
    assert_eq!((card.name.as_str(), card.labels.clone()), ("\u{1b}[31mH200\u{7}", pairs(&[("pod", "a\\b\n\"c")])));
}

#[test]
fn figures_that_cannot_be_true_are_not_known() {
    let page = b"nvidia_smi_utilization_gpu_ratio{uuid=\"a\"} 42\nnvidia_smi_memory_used_bytes{uuid=\"a\"} -1\n\
        nvidia_smi_power_draw_watts{uuid=\"a\"} NaN\nnvidia_smi_temperature_gpu{uuid=\"a\"} 1000\nnvidia_smi_energy_joules_total{uuid=\"a\"} +Inf\n";
    assert!(read(&NvidiaGpuExporter, page).is_empty());
    let page = b"all_smi_gpu_utilization{gpu_uuid=\"a\",gpu=\"X\"} -1\nall_smi_gpu_power_consumption_watts{gpu_uuid=\"a\"} 5\n";
    assert_eq!((read(&AllSmi, page)[0].used, read(&AllSmi, page)[0].power), (None, Some(5000)));
}

#[test]
fn a_page_of_too_many_cards_is_cut() {
    let page: String =
        (0..20_000).flat_map(|n| ["DCGM_FI_DEV_GPU_UTIL{UUID=\"".to_owned(), n.to_string(), "\",GPU_I_ID=\"1\"} 1\n".to_owned()]).collect();
    let count = read(&Dcgm, page.as_bytes()).len();
    assert!((1000..=4096).contains(&count), "{count}");
}
